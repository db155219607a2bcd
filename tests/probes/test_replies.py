"""What each client's share is called: lists of numbers of examples have many names."""

import pytest

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

AVERAGE = """\
import copy


def average(w, {counts}):
    mean = copy.deepcopy(w[0])
    for name in mean:
        mean[name] = sum(each[name] * n for each, n in zip(w, {counts})) / sum({counts})
    return mean
"""


@pytest.mark.parametrize(
    "counts", ["dict_len", "client_sizes", "data_lens", "len_list", "sample_num_list", "sizes_dict"]
)
def test_a_list_of_counts_is_known_by_its_name(tmp_path, counts):
    (tmp_path / "code.py").write_text(AVERAGE.format(counts=counts))

    found = {each.check: each.verdict for each in judge("aggregation", "code.py:average", tmp_path)}

    assert found["probe.aggregation.mean"] is Verdict.passed
