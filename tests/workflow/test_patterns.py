"""Patterns match files, folders and globs of the project, also hidden and ignored ones, and not what zk0 writes."""

import pytest

from zk0.workflow.patterns import matches, pattern_problem

FILES = ("a.txt", "d/b.txt", "d/e/c.txt", "d/.h", "d/__pycache__/x.pyc", ".zk0/runs/r/x", "a[1].csv", "a1.csv")


@pytest.fixture
def files(project):
    for name in FILES:
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).touch()
    (project.root / "d" / "circle").symlink_to(project.root / "d")
    return project


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("d/", ["d"]),
        ("./d/e", ["d/e"]),
        ("d/*.txt", ["d/b.txt"]),
        ("d/*", ["d/.h", "d/b.txt", "d/circle", "d/e"]),
        ("d/**/c.txt", ["d/e/c.txt"]),
        ("d/e/**", ["d/e/c.txt"]),
        ("**/*.txt", ["a.txt", "d/b.txt", "d/circle/b.txt", "d/e/c.txt"]),
        ("a[1].csv", ["a[1].csv"]),
        ("a[0-9].csv", ["a1.csv"]),
        ("nothing", []),
        ("*/x", []),
        (".zk0/runs/*/x", [".zk0/runs/r/x"]),
    ],
)
def test_a_pattern_matches(files, pattern, found):
    shown = [files.shown(path) for path in matches(pattern, files)]

    assert [path for path in shown if not path.startswith("d/circle/e")] == found


@pytest.mark.parametrize(
    ("pattern", "makes", "is_wrong"),
    [
        ("out/*.csv", True, False),
        ("../out", True, True),
        ("/etc/passwd", True, True),
        ("~/out", True, True),
        ("/data/set", False, False),
        ("data/a**", False, True),
    ],
)
def test_a_step_makes_only_what_is_in_the_project(pattern, makes, is_wrong):
    assert bool(pattern_problem(pattern, makes=makes)) == is_wrong
