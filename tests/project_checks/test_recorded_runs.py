import pytest

from zk0.core.errors import AssetMissingError
from zk0.ledger.reader import last_ledger
from zk0.project_checks.recorded_runs import receipts_of


def test_the_newest_receipt_comes_first(small, receipt):
    receipt(small, uses="data.prepare", run="20260301-110000-train-0000", outputs={"n": 1})
    receipt(small, uses="data.prepare", run="20260301-120000-train-0000", outputs={"n": 2})

    assert [one.outputs["n"] for one in receipts_of(small.project, "data.prepare")] == [2, 1]


def test_a_ledger_that_is_gone_says_how_to_have_one(small, receipt, tmp_path):
    receipt(small, uses="federation.run", outputs={"ledger": str(tmp_path / "gone.jsonl")})

    with pytest.raises(AssetMissingError, match="is gone") as missing:
        last_ledger(small.project)
    assert missing.value.remedy == "zk0 run train"
