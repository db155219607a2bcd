"""Code of other frameworks is refused or told, never judged by gradients that it does not have."""

import pytest

from zk0.core.errors import ProbeError
from zk0.probes.judging import judge

BY_HAND = """\
import numpy as np


def local_sgd(site, w0, steps, mu):
    w = w0.copy()
    for _ in range(steps):
        w -= 0.1 * (site.x.T @ (site.x @ w - site.y) + mu * (w - w0))
    return w
"""


def refusal(tmp_path, name="local_sgd"):
    with pytest.raises(ProbeError) as raised:
        list(judge("proximal", f"by_hand.py:{name}", tmp_path))
    return raised.value


def test_gradients_that_are_written_by_hand_in_numpy_are_said_not_to_be_seen(tmp_path):
    (tmp_path / "by_hand.py").write_text(BY_HAND)

    error = refusal(tmp_path)

    assert "zk0 has nothing to give for site" in str(error)
    assert "it is NumPy code" in str(error)
    assert "--adapter" in error.remedy


def test_a_file_that_imports_from_its_project_may_use_pytorch_there(tmp_path):
    (tmp_path / "deeper_task.py").write_text("import torch\n\n\ndef loss(site):\n    return torch.zeros(())\n")
    (tmp_path / "by_hand.py").write_text(BY_HAND.replace("import numpy", "from deeper_task import loss\nimport numpy"))

    assert "NumPy" not in str(refusal(tmp_path))
