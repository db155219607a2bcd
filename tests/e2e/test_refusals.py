"""What can't work is refused at once, with a helpful message, and leaves nothing behind."""

import json
import shutil

import pytest


@pytest.fixture
def old_data_set(recordings, project):
    """Return a data set whose metadata says v2.1."""
    root = project / "old"
    shutil.copytree(recordings["lift-left"], root)
    info = json.loads((root / "meta" / "info.json").read_text())
    (root / "meta" / "info.json").write_text(json.dumps(info | {"codebase_version": "v2.1"}))
    return root


def refused(zk0, project, *arguments):
    before = sorted(path for path in project.rglob("*") if ".git" not in path.parts)
    done = zk0("run", *arguments, "--json")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert sorted(path for path in project.rglob("*") if ".git" not in path.parts) == before
    return json.loads(done.stdout)["error"]


def test_an_input_out_of_bounds(zk0, project):
    error = refused(zk0, project, "train", "-i", "proximal_mu=-1")

    assert "proximal_mu" in error["message"]
    assert "-1" in error["message"]


def test_an_unknown_input_with_the_nearest_name(zk0, project):
    error = refused(zk0, project, "train", "-i", "local_step=5")

    assert "local_steps" in error["message"] + str(error["remedy"])


def test_an_unknown_workflow_with_the_nearest_name(zk0, project):
    error = refused(zk0, project, "trian")

    assert "train" in error["message"] + str(error["remedy"])


def test_a_broken_workflow_file_with_its_line(zk0, project):
    (project / "workflows").mkdir()
    (project / "workflows" / "broken.yaml").write_text("name: broken\ntitle: T\npurpose: P\nsteps:\n  - id: [a\n")

    error = refused(zk0, project, "broken")

    assert "workflows/broken.yaml:" in error["message"]


def test_a_v21_data_set_with_the_converter(zk0, project, old_data_set):
    error = refused(zk0, project, "train", "-i", f"data={old_data_set}")

    assert "v2.1" in error["message"]
    assert "convert_dataset_v21_to_v30" in error["remedy"]


def test_an_unknown_task_of_the_simulator(zk0, project):
    error = refused(zk0, project, "train", "-i", "data=sim:lift-lef")

    assert "lift-left" in error["remedy"]


def test_a_checkpoint_folder_that_is_none(zk0, project):
    (project / "empty").mkdir()

    error = refused(zk0, project, "train", "-i", f"policy={project / 'empty'}")

    assert "config.json" in error["message"]
