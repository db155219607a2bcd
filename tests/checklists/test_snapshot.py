"""Each part of a project has a digest of its own, which only changes of that part change."""

import git
import pytest

from zk0.checklists.snapshot import digests
from zk0.core.checks import Part
from zk0.core.project import Project


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("train.py", {Part.code, Part.history}),
        ("settings.yaml", {Part.code, Part.history}),
        ("README.md", {Part.documents, Part.history}),
        ("memory-bank/context.md", {Part.memory}),
        (".zk0/runs/r/receipts/a.json", {Part.runs}),
        (".zk0/reports/tests.xml", {Part.reports}),
        ("checklists/signatures/a.signed.json", {Part.history}),
    ],
)
def test_a_file_belongs_to_its_part_alone(project: Project, path: str, parts: set[Part]) -> None:
    before = digests(project)
    (project.root / path).parent.mkdir(parents=True, exist_ok=True)
    (project.root / path).write_text("mu = 0.5\n")

    after = digests(project)

    assert {part for part in after if after[part] != before[part]} == parts


def test_a_commit_and_a_tag_are_history_alone(repository: git.Repo, project: Project) -> None:
    before = digests(project)
    repository.create_tag("v1")

    assert {part for part, digest in digests(project).items() if digest != before[part]} == {Part.history}
