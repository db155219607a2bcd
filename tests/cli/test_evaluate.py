"""`zk0 evaluate`: success rates of a checkpoint in closed loop, or a clear refusal."""

import json

import pytest

from zk0.core.errors import ExitStatus
from zk0.serving.selection import choose, find_training


@pytest.fixture
def checkpoint(trained):
    from zk0.core.project import Project

    return str(choose(find_training(Project(trained)), "last").path)


def test_a_checkpoint_is_driven_and_its_results_are_written_as_lerobot_writes_them(command, checkpoint, tmp_path):
    options = ("--task", "touch-far", "--episodes", "2", "--execute", "8", "--noise", "0")

    status, out, err = command("evaluate", checkpoint, *options, "--output", str(tmp_path / "results"), "--json")

    assert status == ExitStatus.done
    data = json.loads(out)["data"]
    assert json.loads((tmp_path / "results" / "eval_info.json").read_text()) == data
    assert data["overall"]["n_episodes"] == 2
    assert data["zk0"]["execution"] == {"execute": 8, "noise": 0.0}
    assert "driving: 1 of 1 parts" in err


def test_a_sweep_shows_what_it_chose_on_validation_episodes_and_scores_once(command, checkpoint, monkeypatch):
    from zk0.serving import evaluation

    ways = [evaluation.ExecutionSettings(execute=10, noise=noise) for noise in (0.0, 1.0)]
    monkeypatch.setattr(evaluation, "candidates", lambda _: ways)
    options = ("--task", "touch-far", "--episodes", "1", "--validation", "1", "--sweep")

    status, out, _ = command("evaluate", checkpoint, *options)

    assert status == ExitStatus.done
    assert "success on validation episodes" in out
    assert "touch-far" in out
    assert "10 of 16 actions executed, noise x" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "fold-laundry"), "no task named 'fold-laundry'"),
        (("--sweep", "--execute", "5"), "--sweep chooses --execute"),
        (("--execute", "90"), "predicts 16 actions at a time"),
        (("--episodes", "0"), "Invalid value for '--episodes'"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_loaded(command, checkpoint, arguments, message):
    status, _, err = command("evaluate", checkpoint, *arguments)

    assert status == ExitStatus.wrong_request
    assert message in err


def test_a_folder_without_a_checkpoint_is_refused_with_what_to_give(command, tmp_path):
    status, _, err = command("evaluate", str(tmp_path))

    assert status == ExitStatus.wrong_request
    assert "is no checkpoint" in err
    assert "pretrained_model" in err
