"""A hundred honest runs: whatever an honest user does between and during runs, nothing of it is refused or accused.

The order is drawn from a seed. The engine, git and the file system are the real ones; only the steps are cheap, `fsync`
is left out, and checks run in this process.
"""

import contextlib
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from zk0.checklists import judging
from zk0.cli import main
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.workflow.live_effects import LiveEffects
from zk0.workflow.run import run_directories
from zk0.workflow.state import RunStatus

from .true_project import git
from .twin import in_process

SEED = 14
RUNS = 100
# How often each is done; `parallel` are three runs at once.
HABITS = {
    "again": 14,
    "edit": 12,
    "edit_without_commit": 7,
    "fail_fix_resume": 8,
    "kill_and_resume": 9,
    "cancel_after_kill": 3,
    "parallel": 6,
    "branch": 5,
    "rebase": 4,
    "amend": 4,
    "move": 4,
    "clone": 3,
    "rename": 4,
    "touch": 3,
    "prune": 2,
}
WORKFLOW = """\
name: look
title: Look
purpose: To try.
checklist: mine
steps:
  - id: build
    title: Build
    run: [sh, -c, "sleep 0.05; cat *.py | cksum > built.txt"]
    reads: ["*.py"]
    makes: [built.txt]
  - {id: test, title: Test, run: [sh, -c, "test ! -e broken"], checks: [run: [test, -e, armlet.py]]}
  - {id: end, title: End, run: ["true"]}
"""
CHECKLIST = """\
name: mine
title: Mine
phase: all
items:
  - {id: tested, section: S, sentence: It passed., not_looked_at: the rest, check: {verdict_of: test}}
  - {id: tidy, section: S, sentence: It is tidy., not_looked_at: the rest, check: {project: leftovers.files}}
"""
FILES = {
    "pyproject.toml": '[project]\nname = "armlet"\nversion = "0.1.0"\n',
    ".gitignore": ".zk0/\nbuilt.txt\nbroken\n",
    "armlet.py": "LARGEST = 180\n",
    "workflows/look.yaml": WORKFLOW,
    "checklists/mine.yaml": CHECKLIST,
}


class HonestUser:
    """Works in a project in many ways; each method makes one run, or three."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root, self.chance, self.made, self.places = root, chance, 0, 0
        root.mkdir()
        git(root, "init", "-q", "-b", "main")
        for name, text in FILES.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        assert self.zk0("memory", "init") == 0
        self.commit()

    def zk0(self, *words: str) -> int:
        with contextlib.chdir(self.root):
            return main(words)

    def run(self, *, expect: int = 0) -> None:
        assert self.zk0("run", "look", "--quiet") == expect
        self.made += 1

    def commit(self) -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", f"After {self.made} runs")

    def change(self, name: str = "armlet.py") -> None:
        with (self.root / name).open("a") as stream:
            stream.write(f"LIMIT_{self.chance.randrange(10**6)} = {self.made}\n")

    def in_a_child(self) -> int:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = self.zk0("run", "look", "--quiet")
            finally:
                os._exit(status)
        self.made += 1
        return child

    def last(self) -> RunStatus | None:
        newest = run_directories(Project(self.root))[0]
        return newest.state().status if newest.has_begun else None

    def again(self) -> None:
        self.run()

    def edit(self) -> None:
        self.change()
        self.commit()
        self.run()

    def edit_without_commit(self) -> None:
        self.change()
        self.run()

    def fail_fix_resume(self) -> None:
        (self.root / "broken").touch()
        self.run(expect=1)
        (self.root / "broken").unlink()
        self.change()
        assert self.zk0("resume", "latest", "--quiet") == 0

    def kill_and_resume(self) -> None:
        self.kill()
        if self.last() is RunStatus.unfinished:
            assert self.zk0("resume", "latest", "--quiet") == 0

    def cancel_after_kill(self) -> None:
        self.kill()
        if self.last() is RunStatus.unfinished:
            self.zk0("cancel", "latest")

    def kill(self) -> None:
        child = self.in_a_child()
        time.sleep(self.chance.random() * 0.4)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def parallel(self) -> None:
        children = [self.in_a_child() for _ in range(3)]
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]

    def branch(self) -> None:
        self.commit()
        name = f"branch-{self.made}"
        git(self.root, "switch", "-q", "-c", name)
        self.change("other.py")
        self.run()
        self.commit()
        git(self.root, "switch", "-q", "main")
        git(self.root, "merge", "-q", "--no-edit", name)

    def rebase(self) -> None:
        self.commit()
        name = f"branch-{self.made}"
        git(self.root, "switch", "-q", "-c", name)
        self.run()
        self.commit()
        git(self.root, "switch", "-q", "main")
        self.change("more.py")
        self.commit()
        git(self.root, "switch", "-q", name)
        git(self.root, "rebase", "-q", "main")
        git(self.root, "switch", "-q", "main")
        git(self.root, "merge", "-q", "--ff-only", name)

    def amend(self) -> None:
        self.run()
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--amend", "--allow-empty", "-m", "Amended")

    def move(self) -> None:
        self.places += 1
        self.root = self.root.rename(self.root.with_name(f"place-{self.places}"))
        self.run()

    def clone(self) -> None:
        self.commit()
        self.places += 1
        there = self.root.with_name(f"place-{self.places}")
        git(self.root, "clone", "-q", str(self.root), str(there))
        self.root = there
        assert self.zk0("memory", "verify") == 0
        self.run()

    def rename(self) -> None:
        (self.root / "armlet.py").rename(self.root / "moved.py")
        shutil.copy(self.root / "moved.py", self.root / "armlet.py")
        self.commit()
        self.run()

    def touch(self) -> None:
        for path in (self.root / ".zk0").rglob("*.json"):
            path.touch()
        self.run()

    def prune(self) -> None:
        self.run()
        assert self.zk0("runs", "prune", "--keep", "5") == 0


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HonestUser:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # a power cut is not among the habits
    monkeypatch.setattr(LiveEffects, "versions", lambda _: {})  # reading them takes longer than a run
    monkeypatch.setattr(judging, "run_checks", in_process)
    monkeypatch.setenv("NO_COLOR", "1")
    for name, value in (("AUTHOR", "A person"), ("COMMITTER", "A person")):
        monkeypatch.setenv(f"GIT_{name}_NAME", value)
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "person@example.org")
    return HonestUser(tmp_path / "armlet", random.Random(SEED))


@pytest.mark.slow
def test_of_a_hundred_honest_runs_none_is_refused(user: HonestUser, capfd: pytest.CaptureFixture[str]):
    todo = [habit for habit, times in HABITS.items() for _ in range(times)]
    user.chance.shuffle(todo)
    assert sum(HABITS.values()) + 2 * HABITS["parallel"] == RUNS

    refused: Counter[str] = Counter()
    for number, habit in enumerate(todo, start=1):
        getattr(user, habit)()
        if number % 20 == 0 or number == len(todo):
            refused += verified(user, habit, capfd)

    assert user.made == RUNS
    assert refused == {}


def verified(user: HonestUser, habit: str, capfd: pytest.CaptureFixture[str]) -> Counter[str]:
    """Return what is refused now; a run before, for which nothing is to be missing, is counted with the next."""
    if user.zk0("run", "look", "--quiet") != 0:
        return Counter([f"run after {habit}"])
    capfd.readouterr()
    refused: Counter[str] = Counter()
    for words in (("runs", "verify"), ("memory", "verify"), ("checklist", "verify", "mine")):
        status = user.zk0(*words)
        out = capfd.readouterr().out
        if status != ExitStatus.done or "not one that zk0 wrote" in out:
            refused[f"{' '.join(words)} after {habit}: {out}"] += 1
    return refused
