"""Every item that a machine decides has two twins: a project where its sentence is true, and some where it is not.

The true one is `true_project`. Each false one is a copy of it with one change, as a hurried or dishonest author would
make it: the box must stay open. The items about zk0's own app have as false twin a project with another app.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zk0.actions.benchmark import BenchmarkOutputs, MedianTime, earlier_measurements
from zk0.checklists import judging
from zk0.checklists.evaluation import EvaluatedItem
from zk0.checklists.items import Checklist
from zk0.checklists.loading import load_checklist
from zk0.checklists.verifying import verify
from zk0.cli import main
from zk0.core.checks import CHECKS, CheckContext
from zk0.core.process import find_program
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.core.verdicts import worst
from zk0.project_checks import repository
from zk0.workflow.actions import Context

from .fakes import FAKES
from .fakes_of_implementation import FAKES_OF_CHECKS, FAKES_OF_IMPLEMENTATION
from .false_project import make_false_project
from .true_project import git, make_true_project
from .twin import Edit, Twin, in_process

REPOSITORY = Project(Path(__file__).parents[2])
ALL_FAKES = [*FAKES, *FAKES_OF_IMPLEMENTATION]
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
# Of these, the ones that rest on any federation of the project's, which its own app may be.
OF_ANY_APP = ("impl-flower-setup", "impl-memory-use", "impl-times", "post-performance-requirements")
OF_ZK0S_POLICY = ("impl-policy-configured", "impl-parameters", "post-integration")
# Those that need no run of that app; `impl-benchmarks` has tests of its own, for it compares earlier runs.
HERE = [name for name in ITEMS if name not in (*OF_ZK0S_APP, "impl-benchmarks")]
TRAIN = {
    "rounds": "2",
    "local_steps": "30",
    "episodes": "6",
    "batch_size": "8",
    "learning_rate": "0.001",
    "server_momentum": "0",
    "rollouts": "0",
    "data": "one=sim:lift-left;two=sim:lift-left",  # as in tests/e2e/test_train.py: enough to learn something
    "unseen": "",
    "baseline_ratio": "1",
}


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
    with honest.inside():
        return evaluate(honest.project, *HERE)


@pytest.fixture
def twin(honest: Twin, tmp_path: Path) -> Twin:
    """Give a copy of the true project, with all that zk0 keeps of it."""
    root = tmp_path / "armlet"
    shutil.copytree(honest.root, root, symlinks=True)
    return Twin(root)


def test_every_item_that_a_machine_decides_has_twins():
    of_machine = set(ITEMS)

    assert of_machine - {item for item, _, _ in ALL_FAKES} == {*OF_ZK0S_APP, "impl-benchmarks"}
    assert {item for item, _, _ in ALL_FAKES} <= of_machine


@pytest.mark.parametrize("name", HERE)
def test_a_true_sentence_is_ticked(found_honest: Mapping[str, EvaluatedItem], name: str):
    assert found_honest[name].ticked, found_honest[name].message


@pytest.mark.parametrize(
    ("item", "make"), [pytest.param(item, make, id=f"{item}-{name}") for item, name, make in ALL_FAKES]
)
def test_a_false_sentence_is_not(twin: Twin, item: str, make: Callable[[Twin], None]):
    if item == "pre-hardware" and find_program("nvidia-smi"):
        pytest.skip("this machine has the GPU that the twin asks for")
    make(twin)

    with twin.inside():
        found = evaluate(twin.project, item)[item]

    assert not found.ticked, found.message
    assert found.verdict != "error" or "was changed" in found.message, found.message  # it is open for its own reason


@pytest.mark.parametrize(
    ("check", "make"), [pytest.param(check, make, id=f"{check}-{name}") for check, name, make in FAKES_OF_CHECKS]
)
def test_a_check_of_an_item_about_zk0_s_app_sees_a_false_project(honest: Twin, twin: Twin, check: str, make: Edit):
    """The item's box is open after an edit anyway, since the run was of other code; so its check is asked."""
    make(twin)

    verdicts = [
        {str(finding.verdict) for finding in CHECKS.get(check).run(CheckContext(project), {})}
        for project in (honest.project, twin.project)
    ]

    assert verdicts == [{"pass"}, {"fail"}]


STEADY, SLOWER = 5.0, 50.0  # ms


def keep_benchmark(twin: Twin, save: Callable[[Project, Receipt], object], now: float, before: list[float]) -> None:
    times = MedianTime(now=now, before=before)
    outputs = BenchmarkOutputs(
        machine="this one", subject="tiny", training_step=times, action_chunk=times, peak_memory=1, table=[]
    )
    context = CheckContext(twin.project, outputs)
    findings = tuple(CHECKS.get("benchmark.steady").run(context, {}))
    at = datetime.now(UTC)
    receipt = Receipt(
        run="20260301-120000-testing-0000",
        workflow="testing",
        step="benchmark",
        title="Measure",
        uses="benchmark.measure",
        inputs={},
        code=twin.project.git_state(),
        environment={},
        started=at,
        finished=at,
        outputs=outputs.model_dump(),
        findings=findings,
        verdict=worst(finding.verdict for finding in findings),
    )
    save(twin.project, receipt)


@pytest.mark.parametrize(
    ("now", "before", "is_ticked"),
    [(STEADY, 4 * [STEADY], True), (SLOWER, 4 * [STEADY], False), (STEADY, [STEADY], False), (STEADY, [], False)],
    ids=["steady", "slower", "one-earlier", "nothing-to-compare"],
)
def test_a_benchmark_is_ticked_where_it_was_compared_and_is_no_slower(twin: Twin, save_receipt, now, before, is_ticked):
    keep_benchmark(twin, save_receipt, now, before)

    with twin.inside():
        assert evaluate(twin.project, "impl-benchmarks")["impl-benchmarks"].ticked is is_ticked


def test_a_benchmark_by_hand_is_not_ticked_and_is_no_baseline(twin: Twin):
    keep_benchmark(twin, lambda project, one: ReceiptStore(project.runs_dir).save(one), STEADY, 4 * [1e6])

    with twin.inside():
        found = evaluate(twin.project, "impl-benchmarks")["impl-benchmarks"]
        context = Context(
            project=twin.project, run="another", step="benchmark", directory=twin.root, seed=0, progress=print
        )
        assert earlier_measurements(context, "this one", "tiny") == []

    assert not found.ticked
    assert "zk0 runs verify" in found.message


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


def train_with_own_app(root: Path, levers: Callable[..., Path], fault: str) -> Twin:
    levers(root, fault)
    git(root, "init", "-q", "-b", "main")
    twin = Twin(root)
    twin.commit()
    with twin.inside():
        main(["run", "train", "--quiet"])
    return twin


def test_a_run_of_the_project_s_own_app_counts_for_what_rests_on_it(edge: None, levers, tmp_path: Path, cache: Path):
    twin = train_with_own_app(tmp_path / "levers", levers, "")
    with twin.inside():
        found = evaluate(twin.project, *OF_ANY_APP, *OF_ZK0S_POLICY)

    assert {name for name, item in found.items() if item.ticked} == set(OF_ANY_APP), found


@pytest.mark.parametrize("fault", ["claims", "learns nothing", "client raises"])
def test_an_app_that_did_not_train_gets_no_box_for_it(edge: None, levers, tmp_path: Path, cache: Path, fault: str):
    twin = train_with_own_app(tmp_path / "levers", levers, fault)
    with twin.inside():
        found = evaluate(twin.project, *OF_ANY_APP)

    assert {name for name, item in found.items() if item.ticked} == set(), found


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
