"""Only a checkpoint that a receipt vouches for is served: the best, the last or a named one, as it was recorded."""

import json
import shutil

import pytest

from zk0.core.errors import PolicyError, UnknownNameError
from zk0.core.project import Project
from zk0.ledger import read_ledger
from zk0.serving.selection import choose, find_training, require_intact, simulated_tasks, training_of_folder


def change(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_last_good_training_is_found_with_its_tasks(project):
    found = find_training(project)

    assert found.is_good
    assert simulated_tasks(found) == ("lift-left", "touch-far")
    require_intact(project, found)


def test_the_best_checkpoint_has_the_least_held_out_loss(project):
    training = find_training(project)
    losses = {}
    for one in read_ledger(training.folder / "ledger.jsonl").evaluations:
        losses.setdefault(one.round, []).append(one.loss)
    means = {number: sum(own) / len(own) for number, own in losses.items() if number}

    best = choose(training, "best")

    assert best.round == min(means, key=means.get)
    assert best.loss == pytest.approx(means[best.round])
    assert choose(training, "last").round == 2
    assert choose(training, "0").path.name == "round-000"
    assert choose(training, "1").digest != choose(training, "2").digest


@pytest.mark.parametrize("wanted", ["3", "worst", "-1"])
def test_an_unknown_round_is_refused_with_those_that_are_there(project, wanted):
    with pytest.raises(UnknownNameError) as caught:
        choose(find_training(project), wanted)

    assert caught.value.remedy == "give best, last or a round: 0, 1, 2"


@pytest.mark.parametrize(
    "name", ["checkpoints/round-002/model.safetensors", "checkpoints/round-002/config.json", "ledger.jsonl"]
)
def test_a_changed_file_is_refused(project, name):
    training = find_training(project)
    change(training.folder / name)

    with pytest.raises(PolicyError, match="it was altered since") as caught:
        require_intact(project, training)

    assert "zk0 runs verify" in caught.value.remedy


def test_a_changed_earlier_round_and_a_file_beside_are_refused_too(project):
    training = find_training(project)
    extra = training.folder / "checkpoints" / "round-001" / "more.json"
    extra.write_text("{}")
    with pytest.raises(PolicyError, match="altered"):
        require_intact(project, training)
    extra.unlink()
    require_intact(project, training)

    change(training.folder / "checkpoints" / "round-001" / "model.safetensors")
    with pytest.raises(PolicyError, match="altered"):
        require_intact(project, training)


def test_a_receipt_that_was_made_to_fit_does_not_count(project):
    """Somebody changes the weights, and the receipt's digest with them; the journal still has the old one."""
    training = find_training(project)
    [path] = project.runs_dir.rglob("receipts/federate.json")
    content = json.loads(path.read_text())
    content["artifacts"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(content))

    with pytest.raises(UnknownNameError, match="no run of this project has trained"):
        find_training(project)
    with pytest.raises(PolicyError, match="do not agree"):
        find_training(project, training.state.run)


def test_a_folder_is_known_by_its_receipt_and_a_copy_of_it_is_not(project, tmp_path):
    training = find_training(project)
    folder = choose(training, "2").path
    copy = shutil.copytree(training.folder, tmp_path / "copy") / "checkpoints" / "round-002"

    assert training_of_folder(project, folder).state.run == training.state.run
    with pytest.raises(UnknownNameError, match="no receipt of this project names"):
        training_of_folder(project, copy)


def test_a_project_without_a_training_is_told_to_train(tmp_path):
    with pytest.raises(UnknownNameError) as caught:
        find_training(Project(tmp_path))

    assert caught.value.remedy == "zk0 run train"
