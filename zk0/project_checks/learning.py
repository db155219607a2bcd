"""Robot learning: SmolVLA, arms of the SO-100 family, aligned frames and states (`learning.*`)."""

import json
from collections.abc import Iterator
from pathlib import Path

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, failed, passed, passed_if, warned
from zk0.project_checks.recorded_runs import data_folders, receipts_of

ARMS = ("so100", "so101", "so-100", "so-101")
SLACK = 0.1  # of the time between two frames; LeRobot's own tolerance at 30 frames a second is a third of one percent
RUNS = (Part.runs,)


@check("learning.policy", reads=RUNS)
def smolvla(project: Project) -> Finding:
    """The policy that the last run trained is a SmolVLA."""
    outputs = to_local(receipts_of(project, "policy.build")[0].outputs, project.root)
    file = Path(str(outputs.get("path", ""))) / "config.json"
    if not file.is_file():
        raise AssetMissingError(f"the policy of the last run is gone: {file}", remedy="zk0 run train")
    kind = json.loads(file.read_text(encoding="utf-8")).get("type")
    if kind == "smolvla":
        return passed(f"{outputs.get('parameters')} parameters of SmolVLA", at=file.parent)
    return failed(f"it is a policy of type {kind}", at=file, remedy="zk0 run train -i preset=tiny")


@check("learning.robots", reads=RUNS)
def robots(project: Project) -> Iterator[Finding]:
    """Every data set of the last run was recorded with an SO-100 or SO-101 arm."""
    for one in receipts_of(project, "data.prepare")[0].outputs.get("sets", ()):
        robot = one.get("robot_type")
        if robot is None:
            yield warned("its robot is not named", at=one["name"], remedy="set robot_type in meta/info.json")
        else:
            known = any(arm in robot.lower() for arm in ARMS)
            yield passed_if(known, f"recorded with {robot}", at=one["name"], remedy="leave it out")


@check("learning.aligned", reads=RUNS)
def aligned(project: Project) -> Iterator[Finding]:
    """Frames and states of each data set have the same times, evenly spaced at its rate."""
    import numpy as np
    from pyarrow import parquet

    for name, folder in data_folders(project):
        rate = float(json.loads((folder / "meta" / "info.json").read_text(encoding="utf-8"))["fps"])
        largest, rows = 0.0, 0
        for file in sorted((folder / "data").rglob("*.parquet")):
            table = parquet.read_table(file, columns=["timestamp", "frame_index"])
            times = np.asarray(table["timestamp"], dtype=np.float64)
            away = np.abs(times - np.asarray(table["frame_index"]) / rate) * rate
            largest, rows = max(largest, float(away.max(initial=0.0))), rows + len(times)
        evidence = [Evidence(name="largest distance", value=round(largest, 6), unit="frames", at=name)]
        message = f"{rows} frames, at most {largest:.2g} of a frame's time away from their places"
        if not rows:
            yield failed("it has no frames", at=name)
        else:
            remedy = "record it again; a wider tolerance would hide it"
            yield passed_if(largest <= SLACK, message, at=name, evidence=evidence, remedy=remedy)
