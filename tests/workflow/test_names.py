"""No workflow takes over a nox session or another workflow's parts by its name."""

import pytest

from zk0.workflow.loading import lint, load
from zk0.workflow.names import nox_sessions, unread_files, why_reserved, workflow_files

WORKFLOW = "name: {0}\ntitle: Ours\npurpose: To try.\nsteps:\n  - {{id: one, title: One, {1}}}\n"
NOXFILE = """\
import nox
from nox import session

open("imported", "w").close()

@nox.session
def audit(session): ...

@session(python="3.12", name="publish-docs")
def docs(session): ...

for name in ("a", "b"):
    @nox.session(name=name)
    def made(session): ...

@other.decorator
def helper(): ...
"""


@pytest.fixture
def write(project):
    def written(name, work="run: [echo]", file=""):
        path = project.root / "workflows" / (file or f"{name}.yaml")
        path.write_text(WORKFLOW.format(name, work))
        return path

    return written


def test_the_sessions_of_a_noxfile_are_read_without_importing_it(project):
    (project.root / "noxfile.py").write_text(NOXFILE)

    assert nox_sessions(NOXFILE.encode()) == {"audit": 7, "publish-docs": 10}
    assert why_reserved("audit", project).startswith('noxfile.py:7 has a session "audit"')
    assert why_reserved("docs", project) is None
    assert not (project.root / "imported").exists()


@pytest.mark.parametrize("text", [b"def (", b"\0", b"(" * 100_000, b"\xff"])
def test_a_noxfile_that_is_not_python_hides_no_reserved_name(project, text):
    (project.root / "noxfile.py").write_bytes(text)

    assert why_reserved("types", project)
    assert why_reserved("deploy", project) is None


def test_a_workflow_with_the_name_of_a_session_is_a_problem_at_its_name(project, write):
    (project.root / "noxfile.py").write_text(NOXFILE)

    problems = [problem for name in ("tests", "audit", "deploy") for problem in lint(project, [write(name)])]

    assert [(problem.file, problem.line, problem.rule) for problem in problems] == [
        ("workflows/tests.yaml", 1, "reserved-name"),
        ("workflows/audit.yaml", 1, "reserved-name"),
    ]


def test_workflows_that_come_with_zk0_perform_each_other_whatever_the_project_calls_its_own(project, write):
    write("train")
    write("deploy", "workflow: train")

    assert load(project, "testing").library["train"].title != "Ours"
    assert load(project, "train").spec.title == "Ours"
    assert load(project, "deploy").library["train"].title == "Ours"
    assert [problem for problem in lint(project) if "train" in problem.message] == []


def test_two_workflows_of_one_name_in_one_run_are_refused(project, write):
    write("train")
    write("train")
    two = "workflow: train}\n  - {id: two, title: Two, workflow: testing"
    reverse = "workflow: testing}\n  - {id: two, title: Two, workflow: train"

    problems = [*lint(project, [write("both", two)]), *lint(project, [write("reverse", reverse)])]

    assert [(problem.line, problem.rule) for problem in problems] == [(6, "unknown-workflow")] * 2
    assert all('it would perform two workflows "train"' in problem.message for problem in problems)


def test_a_file_with_another_suffix_is_reported_and_not_read(project, write):
    write("ours", file="ours.yml")
    write("loud", file="LOUD.YAML")

    assert list(unread_files(project)) == ["LOUD", "ours"]
    assert not {"LOUD", "ours"} & set(workflow_files(project))
    problems = [problem for problem in lint(project) if problem.rule == "wrong-suffix"]
    assert [problem.file for problem in problems] == ["workflows/LOUD.YAML", "workflows/ours.yml"]


def test_names_that_differ_by_case_alone_are_refused(project, write):
    write("Train", file="Train.yaml")
    write("calibrate", file="Calibrate.yaml")

    found = {problem.file: problem.rule for problem in lint(project) if problem.file.startswith("workflows/")}

    assert found == {"workflows/Train.yaml": "bad-name", "workflows/Calibrate.yaml": "wrong-name"}


def test_a_checklist_that_a_run_would_refuse_is_a_problem_at_its_name(project, write):
    path = write("deploy")
    path.write_text(path.read_text() + "checklist: mine\n")

    problems = list(lint(project, [path], checklist_problem=lambda name: f"no checklist {name}"))

    assert [(problem.line, problem.rule, problem.message) for problem in problems] == [
        (6, "bad-checklist", "no checklist mine")
    ]
