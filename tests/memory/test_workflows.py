"""What the tasks page learns from workflow files."""

from zk0.core.project import Project
from zk0.memory.workflows import workflow_pages

HEAD = "name: {name}\ntitle: T\npurpose: P\nsteps:\n  - {{id: data, title: Prepare, uses: no.such-action}}\n"


def write(project: Project, name: str, text: str) -> None:
    path = project.root / "workflows" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_a_workflow_is_explained_whether_or_not_its_actions_exist(project: Project) -> None:
    write(project, "mine", HEAD.format(name="mine"))

    [page] = [page for page in workflow_pages(project) if page.name == "mine"]

    assert page.spec
    assert page.spec.steps[0].title == "Prepare"


def test_a_broken_file_is_a_page_that_says_where(project: Project) -> None:
    write(project, "torn", "name: [\n")
    write(project, "wrong", HEAD.format(name="wrong") + "colour: red\n")

    problems = {page.name: page.problem for page in workflow_pages(project) if page.spec is None}

    assert problems["torn"].startswith("line ")
    assert problems["wrong"].startswith("line 6: colour: ")
