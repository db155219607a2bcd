"""Checks of what the last run left behind, on receipts and data sets of our own making."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from zk0.core.errors import AssetMissingError


def data_set(folder: Path, times: list[float], fps: int = 10) -> Path:
    (folder / "meta").mkdir(parents=True)
    (folder / "data" / "chunk-000").mkdir(parents=True)
    (folder / "meta" / "info.json").write_text(json.dumps({"fps": fps}))
    table = pa.table({"timestamp": pa.array(times, pa.float32()), "frame_index": list(range(len(times)))})
    parquet.write_table(table, folder / "data" / "chunk-000" / "file-000.parquet")
    return folder


def test_frames_at_their_instants_are_aligned_and_late_ones_are_not(small, receipt, tmp_path):
    good = data_set(tmp_path / "good", [0.0, 0.1, 0.2])
    late = data_set(tmp_path / "late", [0.0, 0.1, 0.25])
    receipt(small, uses="data.prepare", outputs={"data": f"a={good};b={late}", "unseen": ""})

    told = {finding.at: str(finding.verdict) for finding in small.ask("learning.aligned")}

    assert told == {"a": "pass", "b": "fail"}


def test_recordings_of_the_simulator_are_found_in_the_cache(small, receipt, tmp_path, monkeypatch):
    monkeypatch.setenv("ZK0_CACHE", str(tmp_path))
    data_set(tmp_path / "recordings" / "lift-left-2x96px-seed0-abc", [0.0, 0.1])
    outputs = {"data": "one=sim:lift-left", "unseen": "", "sets": [{"name": "one", "episodes": 2}]}
    receipt(small, uses="data.prepare", outputs=outputs)

    [finding] = small.ask("learning.aligned")

    assert (finding.verdict, finding.at) == ("pass", "one")


def test_data_sets_that_are_elsewhere_can_t_be_read(small, receipt, tmp_path):
    with pytest.raises(AssetMissingError, match=r"no run has used data\.prepare yet"):
        small.ask("learning.aligned")

    receipt(small, uses="data.prepare", outputs={"data": f"a={tmp_path / 'gone'}", "unseen": ""})
    with pytest.raises(AssetMissingError, match="on this machine"):
        small.ask("learning.aligned")


def test_arms_of_another_family_are_refused(small, receipt):
    sets = [
        {"name": name, "robot_type": robot} for name, robot in (("a", "so101_follower"), ("b", "aloha"), ("c", None))
    ]
    receipt(small, uses="data.prepare", outputs={"sets": sets})

    told = {finding.at: str(finding.verdict) for finding in small.ask("learning.robots")}

    assert told == {"a": "pass", "b": "fail", "c": "warn"}


def test_the_policy_is_known_by_its_configuration(small, receipt, tmp_path):
    receipt(small, uses="policy.build", outputs={"path": str(tmp_path), "parameters": 5})
    with pytest.raises(AssetMissingError, match="is gone"):
        small.ask("learning.policy")

    (tmp_path / "config.json").write_text('{"type": "smolvla"}')
    assert small.verdicts("learning.policy") == {"pass"}

    (tmp_path / "config.json").write_text('{"type": "act"}')
    assert small.verdicts("learning.policy") == {"fail"}
