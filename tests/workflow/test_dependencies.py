"""Whatever a program depends on and can be known makes it run again when it changes; what can't be known, refuses."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from zk0.core.project import Project
from zk0.workflow.dependencies import program_chain
from zk0.workflow.events import StepStarted
from zk0.workflow.journal import read_events
from zk0.workflow.reuse import explanation

type Change = Callable[[Path], object]

DECLARED = "reuse: true, reads: [], makes: []"
TOOL = "#!/bin/sh\nexit 0\n"


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A person", "-c", "user.email=person@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def files(project: Project) -> Path:
    """Fill a repository with files of all kinds; those in `ignored` and `bin` are ignored by git."""
    root = project.root
    for name in ("data.txt", "a.h", "c.json", "Makefile", "README.md", "coverage.xml", "ignored/x.csv", "ignored/y"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("1\n")
    (root / "bin").mkdir()
    (root / "bin" / "tool").write_text(TOOL)
    (root / "bin" / "tool").chmod(0o755)
    (root / "link.csv").symlink_to("ignored/x.csv")
    (root / "nested").mkdir()
    git(root / "nested", "init", "-q")
    (root / "nested" / "n.py").write_text("1\n")
    (root / ".gitignore").write_text("ignored/\nbin/\n")
    git(root, "init", "-q")
    git(root, "add", "-A", ".", ":!nested")
    git(root, "commit", "-q", "-m", "Begin")
    return root


def write(name: str, text: str = "2\n") -> Change:
    return lambda root: (root / name).write_text(text)


def keep_times(name: str) -> Change:
    """Alter a file so that its size and its time stay."""

    def change(root: Path) -> None:
        before = (root / name).stat()
        (root / name).write_text("2\n")
        os.utime(root / name, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


KINDS: dict[str, tuple[str, Change]] = {
    "a file without a slash": ("run: [cat, data.txt]", write("data.txt")),
    "a file, its time kept": ("run: [cat, data.txt]", keep_times("data.txt")),
    "an option's value": ("run: ['true', --data=ignored/x.csv]", write("ignored/x.csv")),
    "a short option's value": ("run: ['true', -Iignored]", write("ignored/new.h")),
    "an argument with @": ("run: ['true', '@ignored/x.csv']", write("ignored/x.csv")),
    "a list in an argument": ("run: ['true', 'data.txt,ignored/x.csv']", write("ignored/x.csv")),
    "the text of a shell": ("run: [sh, -c, 'wc <ignored/x.csv|cat']", write("ignored/x.csv")),
    "a variable's value": ("run: ['true'], env: {CONFIG: ignored/x.csv}", write("ignored/x.csv")),
    "a file in its cwd": ("cwd: ignored, run: [cat, x.csv]", write("ignored/x.csv")),
    "a file in its cwd that nothing names": ("cwd: ignored, run: [sh, -c, 'cat *']", write("ignored/y")),
    "a header": ("run: ['true']", write("a.h")),
    "JSON": ("run: ['true']", write("c.json")),
    "a Makefile": ("run: ['true']", write("Makefile")),
    "prose": ("run: [sh, -c, 'wc *.md']", write("README.md")),
    "a report of tests": ("run: [sh, -c, 'wc cov*']", write("coverage.xml")),
    "a new file": ("run: ['true']", write("new.toml")),
    "a file behind a link": ("run: [sh, -c, 'cat *.csv']", write("ignored/x.csv")),
    "a repository within": ("run: ['true']", write("nested/n.py")),
    "another workflow": ("run: ['true']", write("workflows/other.yaml")),
    "the program": ("run: [bin/tool]", write("bin/tool", f"{TOOL}# changed\n")),
    "a check's program": ("run: ['true'], checks: [run: [bin/tool]]", write("bin/tool", f"{TOOL}# changed\n")),
    "a file of a check's program": ("run: ['true'], checks: [run: [cat, ignored/x.csv]]", write("ignored/x.csv")),
    "whether a file can be executed": ("run: [ls, ignored/x.csv]", lambda root: (root / "ignored/x.csv").chmod(0o755)),
    "the history": (
        "run: [git, log, -1]",
        lambda root: git(root, "commit", "-q", "--allow-empty", "-m", "Another"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_program_depends_on_changed(run, files, kind):
    rest, change = KINDS[kind]
    step = f"- {{id: a, title: A, {DECLARED}, {rest}}}\n"
    run(step)
    assert explanation(run(step).state.step("a")).startswith("a reused because")

    change(files)

    assert explanation(run(step).state.step("a")).startswith("a ran because")


@pytest.mark.parametrize(
    ("reads", "change"),
    [
        ("ignored", write("ignored/new")),
        ("'ignored/*.csv'", write("ignored/new.csv")),
        ("'**/y'", write("ignored/y")),
        ("link.csv", write("ignored/x.csv")),
        ("ignored/x.csv", lambda root: (root / "ignored/x.csv").chmod(0o755)),
    ],
)
def test_what_it_reads_changed(run, files, reads, change):
    step = f"- {{id: a, title: A, reuse: true, reads: [{reads}], makes: [], run: ['true']}}\n"
    run(step)
    assert explanation(run(step).state.step("a")).startswith("a reused because")

    change(files)

    assert explanation(run(step).state.step("a")).startswith("a ran because the content of ")


def test_a_pattern_that_matches_nothing_is_not_reused(run):
    step = "- {id: a, title: A, reuse: true, reads: [dta/*.csv], makes: [], run: ['true']}\n"
    run(step)

    assert "reads names 'dta/*.csv', which matches nothing" in explanation(run(step).state.step("a"))


def test_another_program_of_the_same_name_is_first_on_the_path(run, project, monkeypatch, tmp_path_factory):
    step = f"- {{id: a, title: A, {DECLARED}, run: [sh, -c, 'true']}}\n"
    run(step)
    elsewhere = tmp_path_factory.mktemp("bin")
    (elsewhere / "sh").write_text(TOOL)
    (elsewhere / "sh").chmod(0o755)

    monkeypatch.setenv("PATH", f"{elsewhere}:{os.environ['PATH']}")

    assert "the program sh changed" in explanation(run(step).state.step("a"))


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_LIBRARY_PATH", "LC_ALL", "OMP_NUM_THREADS"])
def test_a_variable_that_decides_how_programs_compute(run, monkeypatch, name):
    step = f"- {{id: a, title: A, {DECLARED}, run: ['true']}}\n"
    run(step)

    monkeypatch.setenv(name, "2")

    assert "the variables changed" in explanation(run(step).state.step("a"))


def test_the_interpreters_of_a_script_belong_to_it(tmp_path):
    script = tmp_path / "tool"
    script.write_text("#!/usr/bin/env -S sh -e\n")
    script.chmod(0o755)

    names = [path.name for path in program_chain("./tool", tmp_path, os.environ)]

    assert names[:3] == ["tool", "env", "sh"]


def test_inputs_of_an_action_name_files_without_a_slash(run, project):
    step = "- {id: a, title: A, reuse: true, uses: trial.note, with: {text: data.txt}}\n"
    (project.root / "data.txt").write_text("1\n")
    run(step)
    assert explanation(run(step).state.step("a")).startswith("a reused")

    (project.root / "data.txt").write_text("2\n")

    assert "the content of data.txt changed" in explanation(run(step).state.step("a"))


def test_a_large_folder_outside_is_not_compared(run, monkeypatch, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    for number in range(3):
        (outside / str(number)).touch()
    step = f"- {{id: a, title: A, {DECLARED}, run: [ls, {outside}]}}\n"
    run(step)
    assert explanation(run(step).state.step("a")).startswith("a reused")

    monkeypatch.setattr("zk0.workflow.dependencies.MOST_ENTRIES", 2)

    assert "too many to compare" in explanation(run(step).state.step("a"))


def test_what_changes_while_a_step_runs_makes_it_run_again(run, project):
    step = f"- {{id: a, title: A, {DECLARED}, run: [sh, -c, 'n=notes; date +%N > $n.txt']}}\n"
    run(step)

    assert "files changed while it ran (notes.txt)" in explanation(run(step).state.step("a"))


def test_of_two_earlier_runs_the_more_similar_one_says_what_changed(run):
    step = f"- {{id: a, title: A, {DECLARED}, run: ['true'], checks: [run: ['true']]}}\n"
    first = run(step)
    run(step, seed=3)

    changed = run(step.replace("checks: [run: ['true']]", "checks: [run: ['true', x]]"))

    assert explanation(changed.state.step("a")) == f"a ran because the checks changed since run {first.directory.id}"


def test_a_thousand_items_ask_git_a_few_times(run, project, monkeypatch):
    items = ", ".join(map(str, range(30)))
    step = f"- {{id: a, title: A, foreach: [{items}], {DECLARED}, run: ['true', '{{{{ item }}}}']}}\n"
    run(step)
    asked = []
    read = Project.tree
    monkeypatch.setattr(Project, "tree", lambda self, **options: asked.append(1) or read(self, **options))

    again = run(step)

    assert [event.step for event in read_events(again.directory.journal) if isinstance(event, StepStarted)] == ["a"]
    assert len(asked) < 10
