"""zk0 in a project that exists: found without running it, added without overwriting, and taken away again."""

import subprocess
import sys
import tomllib
from datetime import UTC, datetime

import pytest

from zk0.agents.layouts import LAYOUTS
from zk0.agents.sync import sync
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.python_source import parse_quietly
from zk0.memory.adding import EntryDraft, add_entry
from zk0.memory.entries import Kind
from zk0.memory.recording import ACTOR
from zk0.onboarding import code_reading
from zk0.onboarding.additions import additions, facts, with_table, without_table
from zk0.onboarding.adoption import apply, removals, uninstall
from zk0.onboarding.doctor import examine
from zk0.onboarding.survey import FlowerApp, survey
from zk0.workflow.loading import lint

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FILES = {
    "pyproject.toml": """\
[project]
name = "arms"
version = "1"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.flwr.app.components]
serverapp = "arms.server:app"
clientapp = "arms.client:app"

[tool.flwr.app.config]
num-server-rounds = 3
train.mu = 0.1
""",
    "arms/server.py": (
        "import flwr\nraise SystemExit('run')\n"
        "class FedMine(flwr.serverapp.strategy.FedAvg):\n    pass\ns = FedMine()\n"
    ),
    "arms/client.py": (
        "from flwr.client import NumPyClient\nclass Arm(NumPyClient):\n    pass\n"
        "from lerobot.datasets import LeRobotDataset\nd = LeRobotDataset('acme/cups')\n"
        "def get_parameters(net): ...\n"
        "def proximal_loss(net, old, mu): return mu * sum((a - b) ** 2 for a, b in zip(net, old))\n"
    ),
    "arms/broken.py": "import torch\nclass A(FedAvg:\n",
    "tests/test_arms.py": "def test_it(): pass\n",
    "run.log": "x\n",
    "CLAUDE.md": "# Ours\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return Project(tmp_path)


def state(project):
    paths = (path for path in project.root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(project.root)): path.read_bytes() for path in paths}


def test_a_survey_reads_and_runs_nothing(project):
    found = survey(project)

    assert found.app == FlowerApp("arms.server:app", "arms.client:app", ("num-server-rounds", "train.mu"))
    assert [str(place) for place in found.strategies] == ["FedMine (arms/server.py:3)"]
    assert [place.name for place in found.clients] == ["Arm"]
    assert [place.name for place in found.datasets] == ["acme/cups"]
    assert (found.exchange[0].line, found.proximal[0].name) == (6, "proximal_loss")
    assert (found.tests, found.logs, found.agents) == ("pytest", ["run.log"], ["CLAUDE.md"])
    assert found.unread[0].startswith("arms/broken.py")
    assert found.lacks == []


def test_what_is_not_there_is_said(tmp_path):
    found = survey(Project(tmp_path))

    assert len(found.lacks) == 6
    assert list(additions(Project(tmp_path), found)) == []


def test_init_then_uninit_leaves_nothing(project):
    before = state(project)
    found = survey(project)
    planned = list(additions(project, found))
    assert state(project) == before  # planning writes nothing

    done = list(apply(project, planned, list(facts(found)), NOW))

    written = Project(project.root)
    assert "wrote workflows/project.yaml" in done
    assert tomllib.loads((project.root / "pyproject.toml").read_text())["tool"]["zk0"]["memory"] == "memory-bank"
    assert any("arms.server:app" in line for line in done)
    sync(written, tuple(LAYOUTS.values()))
    assert all(not one.left for one in removals(Project(project.root)))

    uninstall(Project(project.root))

    assert state(project) == before


def test_what_zk0s_own_runs_remembered_goes_and_a_persons_note_stays(project):
    list(apply(project, list(additions(project, survey(project))), [], NOW))
    source = ("file:arms/server.py:1",)
    add_entry(Project(project.root), EntryDraft(Kind.fact, "Found by a run", ACTOR, sources=source), NOW)
    assert all(not one.left for one in removals(Project(project.root)))

    add_entry(Project(project.root), EntryDraft(Kind.fact, "Said by Ada", "person:ada", sources=source), NOW)

    assert [one.path for one in removals(Project(project.root)) if one.left] == ["memory-bank/"]


def test_setuptools_still_builds_the_project(project):
    pyproject = project.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("hatchling.build", "setuptools.build_meta"))

    added = [one.path for one in additions(Project(project.root), survey(Project(project.root)))]

    assert not added[1].split("/")[0].isidentifier()  # a folder with another name is a second package to it
    pyproject.write_text(pyproject.read_text() + '[tool.setuptools]\npackages = ["arms"]\n')
    assert [one.path for one in additions(Project(project.root), survey(project))][1] == "workflows/project.yaml"


def test_what_somebody_edited_stays(project):
    found = survey(project)
    list(apply(project, list(additions(project, found)), [], NOW))
    workflow = project.root / "workflows" / "project.yaml"
    workflow.write_text(workflow.read_text().replace("Run the tests", "Run our tests"))
    (project.root / "memory-bank" / "brief.md").write_text("# Mine\n")

    left = {one.path: one.left for one in removals(Project(project.root)) if one.left}
    uninstall(Project(project.root))

    assert set(left) == {"workflows/project.yaml", "memory-bank/"}
    assert "Run our tests" in workflow.read_text()
    assert (project.root / "memory-bank" / "brief.md").exists()


def test_init_again_changes_nothing(project):
    list(apply(project, list(additions(project, survey(project))), [], NOW))

    assert list(additions(Project(project.root), survey(Project(project.root)))) == []


def test_the_table_goes_and_the_rest_of_pyproject_stays():
    text = "[project]\nname = 'x'  # ours\n\n[tool.zk0.docker]\nimage = 'y'\n"

    added = with_table(FILES["pyproject.toml"], {"memory": "bank"})

    assert without_table(added) == FILES["pyproject.toml"]
    assert without_table(text) == text


@pytest.mark.parametrize("there", [FILES, {"tests/test_a.py": "\n"}, {"pyproject.toml": FILES["pyproject.toml"]}])
def test_the_workflow_that_init_writes_is_valid(tmp_path, there):
    for name, text in there.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    project = Project(tmp_path)

    list(apply(project, list(additions(project, survey(project))), [], NOW))

    assert (tmp_path / "workflows" / "project.yaml").exists()
    assert list(lint(Project(tmp_path))) == []


@pytest.mark.parametrize("last", ["a = 1\n", "a = 1", "a = 1\n\n\n", "a = 1\r\n", "a = 1\r\nb = 2", "[x]\na = 1 # c\n"])
def test_pyproject_gets_every_byte_back(last):
    assert without_table(with_table(last, {"memory": "bank"})) == last


def test_a_data_set_named_like_a_strategy_is_none(tmp_path):
    (tmp_path / "a.py").write_text(
        "import torch\nclass A(FedDataset): ...\nclass B(FedAvgServerHandler): ...\nclass C(FedAvg): ...\n"
    )

    assert [place.name for place in survey(Project(tmp_path)).strategies] == ["C"]


def test_a_model_named_after_a_strategy_is_none_and_a_strategy_is_named_once(tmp_path):
    (tmp_path / "models.py").write_text("from torch import nn\nclass FedAvgCNN(nn.Module): ...\n")
    (tmp_path / "main.py").write_text("import torch\nm = FedAvgCNN(1)\ns = FedProx(m)\nt = FedProx(m)\n")

    assert [str(place) for place in survey(Project(tmp_path)).strategies] == ["FedProx (main.py:3)"]


def test_what_tests_define_is_no_part_of_the_app(tmp_path):
    (tmp_path / "test_a.py").write_text("import torch\nclass C(FedAvg): ...\ndef test_proximal(): ...\n")

    found = survey(Project(tmp_path))

    assert (found.strategies, found.proximal, found.tests) == ([], [], "pytest")


TRAIN = """\
import torch
class Net:
    def fit(self, batches, global_params, mu, frozen):
        for batch in batches:
            drift = sum(((a - b) ** 2).sum() for a, b in zip(self.parameters(), global_params))
            loss = self(batch) + mu / 2 * drift
def train(net, start):
    proximal_term = 0
    for a, b in zip(net, start):
        proximal_term += (a - b).norm() ** 2
"""
NONE = """\
import torch
def vae(mu, logvar, init): return mu + (logvar - init) * 2 - 0.5 * torch.sum(1 + logvar - mu.pow(2))
def register_client_proxy(approx, proxy): return approx - proxy + 1
def compute_fedprox_parameters(config): return config["proximal_mu"]
"""


def test_a_proximal_term_inside_of_a_training_is_named_where_it_stands(tmp_path):
    (tmp_path / "a.py").write_text(TRAIN)
    (tmp_path / "b.py").write_text(NONE)

    assert [str(place) for place in survey(Project(tmp_path)).proximal] == ["Net.fit (a.py:6)", "train (a.py:10)"]


def test_what_a_loader_reads_is_a_data_set_only_if_it_has_a_name(tmp_path):
    (tmp_path / "a.py").write_text(
        "import torch\nload_dataset(p, 'train')\nload_dataset('parquet')\nLeRobotDataset('<you>/<set>')\n"
        "FederatedDataset(dataset='zalando/fashion')\nload_dataset('glue', 'cola')\n"
    )

    assert [place.name for place in survey(Project(tmp_path)).datasets] == ["zalando/fashion", "glue"]


def test_a_folder_with_a_pyproject_is_a_project_of_its_own(tmp_path):
    for name in ("apps/a", "apps/b", "tests/data"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("apps/a", "apps/b"):
        (tmp_path / name / "pyproject.toml").write_text(FILES["pyproject.toml"])
        (tmp_path / name / "test_it.py").write_text("import torch\n")
        (tmp_path / name / "strategy.py").write_text("import torch\nclass C(FedAvg): ...\n")
    (tmp_path / "tests/data/pyproject.toml").write_text("[tool.black]\n")  # settings of a program make no project
    (tmp_path / "tests/data/test_b.py").touch()

    found = survey(Project(tmp_path))

    assert list(found.projects) == ["apps/a", "apps/b"]
    assert (found.app, found.strategies, found.tested_by) == (None, [], "1 test file")


def test_most_files_of_a_large_project_are_not_parsed(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.py").write_text("import torch\nclass Net(torch.nn.Module): ...\n")
    (tmp_path / "d.py").write_text("from torch import nn\nclass Mine(FedAvg): ...\n")
    parsed = []
    monkeypatch.setattr(code_reading, "parse_quietly", lambda source: parsed.append(source) or parse_quietly(source))

    found = survey(Project(tmp_path))

    assert (len(parsed), found.strategies[0].name, found.libraries) == (1, "Mine", {"torch"})


def test_warnings_of_the_projects_code_are_not_printed(tmp_path, recwarn):
    (tmp_path / "a.py").write_text("import torch\nx = '\\s'\n")

    survey(Project(tmp_path))

    assert not list(recwarn)


def test_the_tests_are_remembered_with_the_file_that_shows_them(project):
    sources = {fact.title: fact.sources for fact in facts(survey(project))}

    assert sources["The tests are run by `pytest`, says 1 test file"] == ("file:tests/test_arms.py",)


def test_uninit_leaves_a_folder_that_a_program_works_in(project):
    folder = project.state_dir / "deployment"
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=folder, stdin=subprocess.PIPE) as server:
        [removal] = removals(project)
        uninstall(project)
        server.stdin.close()

    assert str(server.pid) in removal.left
    assert folder.is_dir()


def test_doctor_names_what_the_project_needs_and_nothing_else(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\ndependencies = ["no-such-package", "pydantic"]\n')
    (tmp_path / "a.py").write_text("import torch\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)

    [warning] = [one for one in examine(Project(tmp_path)) if one.check == "project.python" and one.verdict == "warn"]

    assert "numpy, torch, no-such-package, pydantic;" in warning.message
    assert warning.remedy.endswith(" -e . numpy torch")


def test_a_project_without_an_environment_is_told_to_make_one(tmp_path, monkeypatch):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\ndependencies = ["no-such-package"]\n')

    [warning] = [one for one in examine(Project(tmp_path)) if one.check == "project.python" and one.verdict == "warn"]

    assert warning.remedy == "uv venv && uv pip install --python .venv -e . numpy"


def test_what_init_wrote_is_no_backup_that_was_rehearsed(project):
    from zk0.project_checks.recovery import backup

    found = survey(project)
    list(apply(project, list(additions(project, found)), list(facts(found)), NOW))

    with pytest.raises(AssetMissingError):
        list(backup(Project(project.root)))
