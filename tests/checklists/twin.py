"""A copy of the true project, and the changes that make a sentence of it false and look as if it held."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml

from zk0.checklists import judging
from zk0.checklists.judging import CheckRequest, CheckResult
from zk0.cli import main
from zk0.core.project import Project

from .true_project import git

SKIPPED = """import pytest

from armlet.joints import AngleError

pytestmark = pytest.mark.skip


def test_all():
    assert AngleError
"""
HOLLOW = "from armlet.joints import AngleError\n\n\ndef test_all():\n    assert True\n"
OWN_APP = '''"""The app."""

from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

{server}
client = ClientApp()
'''


class Twin:
    """A copy of the true project, to be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cwd = root

    @property
    def project(self) -> Project:
        return Project(self.root)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        with contextlib.chdir(self.cwd):
            yield

    def zk0(self, *words: str) -> None:
        with self.inside():
            assert main(list(words)) == 0, words

    def run_tests(self) -> None:
        with self.inside():
            main(["run", "check", "--quiet"])

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add(self, name: str, text: str) -> None:
        self.write(name, (self.root / name).read_text() + text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text, (name, old)
        self.write(name, text.replace(old, new))

    def remove(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def commit(self, tag: str = "") -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "Change")
        if tag:
            git(self.root, "tag", tag)

    def task(self, **fields: object) -> None:
        whole = yaml.safe_load((self.root / "docs/task.yaml").read_text())
        self.write("docs/task.yaml", yaml.safe_dump({**whole, **fields}))
        self.zk0("task", "new", "Another task", "--from", "docs/task.yaml")

    def junit(self) -> Path:
        return next((self.root / ".zk0/runs").glob("*/steps/tests/junit.xml"))


def in_process(root: Path, requests: Iterable[CheckRequest]) -> Iterator[CheckResult]:
    """Run checks as `run_checks` does, but here, where the machine's edge can be replaced."""
    for request in requests:
        now = datetime.now(UTC)
        findings = judging._run_check(request.check.id, Project(root), request.options)
        yield CheckResult(request, findings, now, datetime.now(UTC))


type Edit = Callable[[Twin], object]


def edit(name: str, old: str, new: str) -> Edit:
    return lambda twin: twin.replace(name, old, new)


def write(name: str, text: str) -> Edit:
    return lambda twin: twin.write(name, text)


def add(name: str, text: str) -> Edit:
    return lambda twin: twin.add(name, text)


def task(**fields: object) -> Edit:
    return lambda twin: twin.task(**fields)


def all_of(*edits: Edit) -> Edit:
    def make(twin: Twin) -> None:
        for one in edits:
            one(twin)

    return make


def committed(*edits: Edit, tag: str = "") -> Edit:
    return all_of(*edits, lambda twin: twin.commit(tag))


def tested(*edits: Edit) -> Edit:
    """Make the changes, and let zk0 run the tests again, so that the results are of the changed code."""
    return all_of(*edits, lambda twin: twin.run_tests())


def app(server: str) -> Edit:
    return all_of(
        write("armlet/app.py", OWN_APP.format(server=server)),
        edit("pyproject.toml", "zk0.federation.server_app:app", "armlet.app:server"),
        edit("pyproject.toml", "zk0.federation.client_app:app", "armlet.app:client"),
    )


def ruff(text: str) -> Edit:
    return edit("pyproject.toml", "[tool.ruff.lint]\n", f"{text}\n[tool.ruff.lint]\n")


def mypy(text: str) -> Edit:
    return edit("pyproject.toml", "[tool.mypy]\n", f"[tool.mypy]\n{text}\n")


def library(text: str) -> Edit:
    return add("armlet/joints.py", f"\n\n{text}\n")


def remote(url: str) -> Edit:
    return lambda twin: git(twin.root, "remote", "set-url", "origin", url)


def ci(old: str, new: str) -> Edit:
    return edit(".github/workflows/ci.yml", old, new)


def only_by_hand(name: str, text: str) -> Edit:
    """Forget the runs, and write the report by hand, where tools leave it."""
    return all_of(lambda twin: twin.remove(".zk0/runs"), write(name, text), write(f".zk0/reports/{name}", text))


def edited_report(twin: Twin) -> None:
    twin.junit().write_text(twin.junit().read_text().replace("skipped", "passed") + "\n")


def run_without_journal(twin: Twin) -> None:
    for path in (twin.root / ".zk0/runs").glob("*/journal.jsonl"):
        path.unlink()


def receipt_of_this_code(twin: Twin) -> None:
    """Change the code, and write into the receipts that it was this code."""
    twin.add("armlet/joints.py", "\nSMALLEST = 0.0\n")
    tree = twin.project.git_state().tree
    for path in (twin.root / ".zk0/runs").glob("*/receipts/*.json"):
        path.write_text(re.sub(r'("tree": ?")[^"]+', rf"\g<1>{tree}", path.read_text()))


def touched(twin: Twin) -> None:
    twin.add("armlet/joints.py", "\nSMALLEST = 0.0\n")
    os.utime(twin.junit(), (2e9, 2e9))


def outside(twin: Twin) -> None:
    shutil.move(twin.root / ".git", twin.root.parent / ".git")
    (twin.root.parent / "outside.txt").write_text("changed")


def elsewhere(twin: Twin) -> None:
    twin.cwd = twin.root / "docs"


def no_entries(twin: Twin) -> None:
    shutil.rmtree(twin.root / "memory-bank/entries")


def half_written(twin: Twin) -> None:
    run = next((twin.root / ".zk0/runs").iterdir())
    (run / "steps" / ".report.xml.99999999").write_text("<")


def token_in_a_log(twin: Twin) -> None:
    run = next((twin.root / ".zk0/runs").iterdir())
    (run / "steps" / "run.log").write_text("token=" + "hf_" + "a1B2c3D4e5" * 4)


def broken_before(twin: Twin) -> None:
    good = (twin.root / "armlet/__init__.py").read_text()
    committed(write("armlet/__init__.py", "raise RuntimeError\n"), tag="v0.3.0")(twin)
    committed(write("armlet/__init__.py", good))(twin)


def altered_entry(twin: Twin) -> None:
    for path in (twin.root / "memory-bank/entries").glob("*.md"):
        path.write_text(path.read_text().replace("pass", "perfect"))


MUTE_WORKFLOW = edit("workflows/check.yaml", "sign: A test fails only on the robot's own computer.", "sign: x")
JUNIT = '<testsuites><testsuite><testcase classname="tests.test_joints" name="test_all"/></testsuite></testsuites>'
COVERAGE = json.dumps({"totals": {"percent_covered": 100.0}, "files": {}})
IN_README = "```bash\npip install -e .\nzk0 run check\n```"
IN_EXAMPLE = "from armlet.joints import limited"
TEST_ALL = ("tests/test_joints.py", "tests/test_settings.py", "tests/e2e/test_whole.py")
