"""Every item that a machine decides has two twins: a project where its sentence is true, and some where it is not.

The true one is `true_project`. Each false one is a copy of it with one change, as a hurried or dishonest author would
make it: the box must stay open. The items about zk0's own app have as false twin a project with another app.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zk0.checklists import judging
from zk0.checklists.evaluation import EvaluatedItem
from zk0.checklists.items import Checklist
from zk0.checklists.judging import CheckRequest, CheckResult
from zk0.checklists.loading import load_checklist
from zk0.checklists.verifying import verify
from zk0.core.process import find_program
from zk0.core.project import Project
from zk0.project_checks import repository

from .fakes import FAKES, Twin
from .false_project import make_false_project
from .true_project import git, make_true_project

REPOSITORY = Project(Path(__file__).parents[2])
ITEMS = {item.id: (part, item) for part, item in load_checklist(REPOSITORY, "comprehensive").items() if item.check}
# They rest on a run of zk0's own app: true where it is the project's app, false in a project with another one.
OF_ZK0S_APP = (
    "pre-smolvla-so100",
    "pre-data-and-models",
    "impl-policy-configured",
    "impl-dataset-integration",
    "impl-flower-setup",
    "impl-parameters",
    "impl-data-synchronised",
    "impl-model-loading",
    "impl-memory-use",
    "impl-times",
    "impl-weights-and-data-secure",
    "impl-privacy",
    "impl-input-validation",
    "post-performance-requirements",
    "post-functional-requirements",
    "post-integration",
    "post-data-format",
    "post-configuration",
)
WITHOUT_TWINS = {"impl-benchmarks": "it compares with three earlier measurements, of a minute each"}
TRAIN = {
    "rounds": "2",
    "local_steps": "10",
    "episodes": "2",
    "batch_size": "4",
    "data": "one=sim:lift-left;two=sim:touch-far",
    "unseen": "",
    "baseline_ratio": "1",
}


def in_process(root: Path, requests: Iterable[CheckRequest]) -> Iterator[CheckResult]:
    """Run checks as `run_checks` does, but here, where the machine's edge can be replaced."""
    for request in requests:
        now = datetime.now(UTC)
        findings = judging._run_check(request.check.id, Project(root), request.options)
        yield CheckResult(request, findings, now, datetime.now(UTC))


def evaluate(project: Project, *names: str) -> dict[str, EvaluatedItem]:
    """Verify these items of the comprehensive list."""
    parts: dict[str, list] = {}
    for name in names:
        part, item = ITEMS[name]
        parts.setdefault(part.name, []).append(item)
    files = {part.name: part for part, _ in ITEMS.values()}
    chosen = tuple(files[name].model_copy(update={"items": tuple(items)}) for name, items in parts.items())
    evaluated = verify(project, Checklist(name="twins", title="Twins", phase="all", parts=chosen))
    return {item.item.id: item for item in evaluated.items}


@pytest.fixture(scope="module")
def edge() -> Iterator[None]:
    """Run checks in this process; the remote, another machine, says it has the last commit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "run_checks", in_process)
        patch.setattr(
            repository, "list_remote", lambda project, _name: [(git(project.root, "rev-parse", "HEAD").strip(), "main")]
        )
        yield


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory, edge: None, cache: Path) -> Twin:
    """Return the true project after its task was written down and zk0 ran its tests."""
    root = tmp_path_factory.mktemp("honest") / "armlet"
    root.mkdir()
    make_true_project(root)
    twin = Twin(root)
    twin.zk0("task", "new", "Limit the angles", "--from", "docs/task.yaml")
    twin.run_tests()
    twin.zk0("memory", "add", "next", "Measure the overshoot of each joint", "--source", "file:docs/trouble.md:1-3")
    twin.commit()
    return twin


@pytest.fixture(scope="module")
def found_honest(honest: Twin) -> Mapping[str, EvaluatedItem]:
    names = [name for name in ITEMS if name not in OF_ZK0S_APP and name not in WITHOUT_TWINS]
    with honest.inside():
        return evaluate(honest.project, *names)


@pytest.fixture
def twin(honest: Twin, tmp_path: Path) -> Twin:
    """Give a copy of the true project, with all that zk0 keeps of it."""
    root = tmp_path / "armlet"
    shutil.copytree(honest.root, root, symlinks=True)
    return Twin(root)


def test_every_item_that_a_machine_decides_has_twins():
    of_machine = set(ITEMS)

    assert of_machine - {item for item, _, _ in FAKES} - set(OF_ZK0S_APP) == set(WITHOUT_TWINS)
    assert {item for item, _, _ in FAKES} <= of_machine


@pytest.mark.parametrize("name", [name for name in ITEMS if name not in OF_ZK0S_APP and name not in WITHOUT_TWINS])
def test_a_true_sentence_is_ticked(found_honest: Mapping[str, EvaluatedItem], name: str):
    assert found_honest[name].ticked, found_honest[name].message


@pytest.mark.parametrize(
    ("item", "make"), [pytest.param(item, make, id=f"{item}-{name}") for item, name, make in FAKES]
)
def test_a_false_sentence_is_not(twin: Twin, item: str, make: Callable[[Twin], None]):
    if item == "pre-hardware" and find_program("nvidia-smi"):
        pytest.skip("this machine has the GPU that the twin asks for")
    make(twin)

    with twin.inside():
        found = evaluate(twin.project, item)[item]

    assert not found.ticked, found.message
    assert found.verdict != "error" or "was changed" in found.message, found.message  # it is open for its own reason


@pytest.mark.slow
@pytest.mark.parametrize("own_app", [False, True], ids=["zk0-s-app", "another-app"])
def test_a_run_of_zk0_s_app_counts_where_that_is_the_project_s_app(trained: Twin, tmp_path: Path, own_app):
    root = tmp_path / "armlet"
    shutil.copytree(trained.root, root, symlinks=True)
    copy = Twin(root)
    if own_app:
        copy.replace("pyproject.toml", "zk0.federation.server_app:app", "armlet.app:server")
    with copy.inside():
        found = evaluate(copy.project, *OF_ZK0S_APP)

    wrong = {name: item.message for name, item in found.items() if item.ticked is own_app}
    assert wrong == {}


@pytest.fixture(scope="module")
def trained(honest: Twin, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    root = tmp_path_factory.mktemp("trained") / "armlet"
    shutil.copytree(honest.root, root, symlinks=True)
    twin = Twin(root)
    twin.zk0("run", "train", "--quiet", *(word for key, value in TRAIN.items() for word in ("-i", f"{key}={value}")))
    return twin


# What is true even of the project that was built to be false.
TRUE_OF_IT = {
    "pre-working-directory",
    "pre-inside-project",
    "pre-environment-active",
    "pre-tools-available",
    "pre-development-environment",
    "pre-hardware",
    "pre-network",
    "impl-modular",
    "post-rollback",
    "post-backup-tested",
    "post-workflows-improved",
}


def test_a_project_built_to_be_false_gets_no_box_that_is_untrue(edge: None, tmp_path: Path, cache: Path):
    root = tmp_path / "false"
    root.mkdir()
    make_false_project(root)
    twin = Twin(root)
    twin.zk0("task", "new", "x", "--from", "task.yaml")
    with twin.inside():
        found = evaluate(twin.project, *ITEMS)

    assert {name for name, item in found.items() if item.ticked} <= TRUE_OF_IT
