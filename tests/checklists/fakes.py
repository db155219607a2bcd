"""The false twins: for each item, changes to the true project that make its sentence false and look as if it held."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

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

FAKES: list[tuple[str, str, Edit]] = [
    ("pre-working-directory", "another folder", elsewhere),
    ("pre-inside-project", "change beside the project", outside),
    ("pre-environment-active", "another Python is wanted", edit("pyproject.toml", ">=3.12", ">=3.99")),
    ("pre-quickstart-structure", "server is None", app("server = None")),
    ("pre-quickstart-structure", "server is a function", app("def server(): ...")),
    (
        "pre-quickstart-structure",
        "main raises",
        app("server = ServerApp()\n\n@server.main()\ndef main(grid, context):\n    raise NotImplementedError"),
    ),
    ("pre-context-captured", "objective of one letter", task(objective="x")),
    ("pre-context-captured", "scope to be done", task(scope="to do later")),
    ("pre-success-criteria", "a bare number", task(criteria=["1"])),
    ("pre-success-criteria", "a command that does not exist", task(criteria=["Judged by `make happy` alone."])),
    ("pre-success-criteria", "a wish", task(criteria=["Everyone likes the movements very much."])),
    ("pre-dependencies-identified", "none", task(dependencies=["none"])),
    ("pre-dependencies-identified", "undeclared import", library("import numpy")),
    (
        "pre-dependencies-identified",
        "undeclared import hidden from deptry",
        all_of(
            library("import numpy"), add("pyproject.toml", '\n[tool.deptry]\nexclude = [".*"]\nignore = ["DEP001"]\n')
        ),
    ),
    ("pre-constraints", "none", task(constraints=["none"])),
    ("pre-risks", "no risk", task(risks=["none yet"])),
    ("pre-risks", "no way to recover", task(recovery=["-"])),
    ("pre-plan", "a plan of one letter", all_of(no_entries, task(validation=["x"]))),
    ("pre-tools-available", "nothing declared", edit("pyproject.toml", '["pydantic>=2"]', "[]")),
    ("pre-tools-available", "another version is wanted", edit("pyproject.toml", "pydantic>=2", "pydantic>=99")),
    ("pre-development-environment", "no type checker", edit("pyproject.toml", "[tool.mypy]", "[tool.other]")),
    ("pre-hardware", "a GPU is wanted", edit("pyproject.toml", "rounds = 2", 'device = "cuda:0"\nrounds = 2')),
    (
        "pre-network",
        "a server that is not there",
        add("pyproject.toml", '\n[tool.flwr.federations.lab]\naddress = "127.0.0.1:9"\n'),
    ),
    ("pre-coding-standards", "all files excluded", ruff('[tool.ruff]\nexclude = ["*"]')),
    ("pre-coding-standards", "no rule selected", edit("pyproject.toml", '["E", "F", "D"]', "[]")),
    (
        "pre-coding-standards",
        "all rules ignored",
        edit("pyproject.toml", '"tests/**" = ["D"]', '"armlet/**" = ["ALL"]'),
    ),
    ("pre-coding-standards", "configuration in a folder", write("armlet/ruff.toml", "lint.select = []\n")),
    ("pre-coding-standards", "noqa for a file", add("armlet/joints.py", "\n# ruff: noqa\n")),
    ("pre-testing-requirements", "all skipped", all_of(*(write(name, SKIPPED) for name in TEST_ALL))),
    ("pre-testing-requirements", "all hollow", all_of(*(write(name, HOLLOW) for name in TEST_ALL))),
    ("pre-documentation-standards", "no rule on docstrings", edit("pyproject.toml", '["E", "F", "D"]', '["E", "F"]')),
    ("pre-documentation-standards", "all files excluded", ruff('[tool.ruff]\nexclude = ["*"]')),
    ("pre-backup-plan", "remote is the project", remote(".")),
    ("pre-backup-plan", "remote is a file URL", remote("file:///tmp/armlet")),
    ("pre-backup-plan", "remote is this machine", remote("ssh://git@localhost/armlet")),
    ("pre-backup-plan", "a commit that is not pushed", lambda twin: git(twin.root, "remote", "remove", "origin")),
    ("impl-style", "all files excluded", ruff('[tool.ruff]\nexclude = ["*"]')),
    (
        "impl-style",
        "rules that see nothing",
        all_of(edit("pyproject.toml", '["E", "F", "D"]', '["D"]'), library("x = 1; y = 2")),
    ),
    ("impl-style", "a backup file", write("armlet/joints.py.orig", "x")),
    ("impl-style", "a to-do", library("# TODO: limit the gripper too")),
    ("impl-style", "a conflict mark", committed(add("CHANGELOG.md", "\n<<<<<<< ours\n"))),
    (
        "impl-docstrings",
        "a dot for a docstring",
        edit("armlet/joints.py", '"""An angle that no joint can reach."""', '"""."""'),
    ),
    (
        "impl-docstrings",
        "an error without a word",
        edit("armlet/joints.py", "AngleError: the angle is larger than any joint can reach.", "AngleError: ."),
    ),
    ("impl-type-hints", "errors are ignored", mypy("ignore_errors = true")),
    (
        "impl-type-hints",
        "one file is looked at",
        edit("pyproject.toml", 'packages = ["armlet"]', 'files = ["armlet/__init__.py"]'),
    ),
    (
        "impl-type-hints",
        "a module is ignored",
        add("pyproject.toml", '\n[[tool.mypy.overrides]]\nmodule = "armlet.*"\nignore_errors = true\n'),
    ),
    ("impl-type-hints", "files are excluded", mypy('exclude = ["joints"]')),
    (
        "impl-type-hints",
        "a comment for a file",
        edit("armlet/joints.py", "LARGEST =", "# mypy: ignore-errors\nLARGEST ="),
    ),
    ("impl-modular", "a long function", library("def long() -> None:\n" + 70 * "    print()\n")),
    (
        "impl-modular",
        "layers that nothing can break",
        add(
            "pyproject.toml",
            '\n[tool.importlinter]\nroot_package = "armlet"\n[[tool.importlinter.contracts]]\nname = "x"\n'
            'type = "layers"\nlayers = ["armlet.joints", "armlet.settings"]\n'
            'ignore_imports = ["armlet.** -> armlet.**"]\n',
        ),
    ),
    ("impl-error-handling", "passed over", library("try:\n    limited(1.0)\nexcept Exception:\n    pass")),
    (
        "impl-error-handling",
        "returned from",
        library("def f() -> None:\n    try:\n        limited(1.0)\n    except Exception:\n        return None"),
    ),
    (
        "impl-error-handling",
        "suppressed",
        library("from contextlib import suppress\n\nwith suppress(Exception):\n    limited(1.0)"),
    ),
    ("impl-logging", "a print", library('print("here")')),
    ("impl-logging", "a debugger", library("breakpoint()")),
    ("impl-unit-tests", "all skipped", tested(*(write(name, SKIPPED) for name in TEST_ALL))),
    ("impl-unit-tests", "all hollow", tested(*(write(name, HOLLOW) for name in TEST_ALL))),
    (
        "impl-unit-tests",
        "some deselected",
        tested(edit("pyproject.toml", 'testpaths = ["tests"]', 'addopts = "-k stays"')),
    ),
    (
        "impl-unit-tests",
        "expected to fail",
        tested(
            edit(
                "tests/test_settings.py",
                "def test_speed():\n    assert",
                "import pytest\n\n@pytest.mark.xfail\ndef test_speed():\n    assert not",
            )
        ),
    ),
    ("impl-unit-tests", "a report by hand", only_by_hand("junit.xml", JUNIT)),
    ("impl-unit-tests", "an edited report", edited_report),
    ("impl-unit-tests", "a touched report", touched),
    ("impl-unit-tests", "a receipt with another digest", receipt_of_this_code),
    ("impl-unit-tests", "receipts without a run", run_without_journal),
    (
        "impl-integration-tests",
        "left out",
        tested(edit("pyproject.toml", 'testpaths = ["tests"]', 'addopts = "--ignore=tests/e2e"')),
    ),
    ("impl-integration-tests", "hollow", tested(write("tests/e2e/test_whole.py", HOLLOW))),
    (
        "impl-coverage",
        "one file included",
        tested(
            library(
                "def more() -> int:\n    return 1\n"
                + "".join(f"\n\ndef f{n}() -> int:\n    return {n}\n" for n in range(20))
            ),
            edit("pyproject.toml", 'source = ["armlet"]', 'include = ["armlet/__init__.py"]'),
        ),
    ),
    (
        "impl-coverage",
        "code marked as not covered",
        tested(library("".join(f"\n\ndef f{n}() -> int:  # pragma: no cover\n    return {n}\n" for n in range(20)))),
    ),
    ("impl-coverage", "a report by hand", only_by_hand("coverage.json", COVERAGE)),
    (
        "impl-edge-cases",
        "an error named in a comment",
        tested(
            write(
                "tests/test_joints.py",
                "from armlet.joints import limited\n\n\ndef test_in_reach():\n    assert limited(1.0)  # AngleError\n",
            )
        ),
    ),
    ("impl-code-documentation", "a file that is gone", edit("README.md", "`armlet/joints.py`", "`armlet/gone.py`")),
    ("impl-code-documentation", "no file is named", edit("README.md", "`armlet/joints.py`", "a module")),
    (
        "impl-code-documentation",
        "a program that does not exist",
        edit(
            "README.md",
            IN_README,
            "```bash\npip install armlet\narmlet fly\n```\n\n```python\nimport armlet.nothing\n```",
        ),
    ),
    (
        "impl-api-documentation",
        "an unknown option",
        edit("README.md", "zk0 run check", "zk0 run check --does-not-exist"),
    ),
    ("impl-api-documentation", "an unknown command", edit("README.md", "zk0 run check", "zk0 fly")),
    ("impl-api-documentation", "a program of no package", edit("README.md", "zk0 run check", "armlet fly")),
    ("impl-api-documentation", "a target of no Makefile", edit("README.md", "zk0 run check", "make everything")),
    (
        "impl-examples",
        "a module that does not exist",
        edit("README.md", IN_EXAMPLE, "from armlet.nothing import limited"),
    ),
    (
        "impl-examples",
        "a name that does not exist",
        edit("README.md", IN_EXAMPLE, "from armlet.joints import unlimited"),
    ),
    ("impl-examples", "not Python", edit("README.md", IN_EXAMPLE, "from armlet import")),
    (
        "impl-configuration-documented",
        "the key alone",
        all_of(edit("pyproject.toml", " # how many federated rounds are trained", ""), add("README.md", "\nrounds\n")),
    ),
    (
        "impl-troubleshooting",
        "nothing yet",
        all_of(write("docs/trouble.md", "# Troubleshooting\n\nnothing yet\n"), MUTE_WORKFLOW),
    ),
    (
        "impl-troubleshooting",
        "a heading alone",
        all_of(write("docs/trouble.md", "# Troubleshooting\n\n## Symptom\n"), MUTE_WORKFLOW),
    ),
    ("impl-cleanup", "a half-written file", half_written),
    ("impl-logs-without-secrets", "a password in an ini", write("settings.ini", "[server]\npassword = hunter2horse\n")),
    ("impl-logs-without-secrets", "a password in the code", library('PASSWORD = "hunter2horse"')),
    ("impl-logs-without-secrets", "a token in a log", token_in_a_log),
    (
        "impl-error-messages",
        "concatenated",
        library('def f(password: str) -> None:\n    raise AngleError("it was " + password)'),
    ),
    (
        "impl-error-messages",
        "formatted",
        library('def f(password: str) -> None:\n    raise AngleError("it was %s" % password)'),
    ),
    (
        "impl-error-messages",
        "put together before",
        library('def f(token: str) -> None:\n    text = "it was " + token\n    raise AngleError(text)'),
    ),
    ("post-tests-pass", "all skipped", tested(*(write(name, SKIPPED) for name in TEST_ALL))),
    ("post-tests-pass", "a report by hand", only_by_hand("junit.xml", JUNIT)),
    ("post-api-contracts", "a tag on this commit", lambda twin: git(twin.root, "tag", "v0.9.0")),
    (
        "post-api-contracts",
        "a function that is gone",
        committed(edit("armlet/joints.py", "def limited", "def restricted")),
    ),
    ("post-deployment-scripts", "tests in a comment", ci("- run: python -m pytest", "- run: 'true' # pytest")),
    (
        "post-deployment-scripts",
        "a failure is hidden",
        ci("- run: python -m pytest", "- run: python -m pytest || true"),
    ),
    (
        "post-deployment-scripts",
        "a failure may happen",
        ci("- run: python -m pytest", "- run: python -m pytest\n        continue-on-error: true"),
    ),
    ("post-deployment-scripts", "started by hand alone", ci("on: [push]", "on: [workflow_dispatch]")),
    (
        "post-deployment-scripts",
        "tests are only collected",
        ci("- run: python -m pytest", "- run: python -m pytest --collect-only"),
    ),
    ("post-deployment-scripts", "a job that never runs", ci("    runs-on:", "    if: false\n    runs-on:")),
    ("post-deployment-scripts", "an echo of it", ci("- run: python -m pytest", "- run: echo pytest")),
    ("post-deployment-scripts", "an environment of nothing", write("environment.yml", "name: armlet\n")),
    ("post-deployment-scripts", "a licence of a letter", write("LICENSE", "x\n")),
    ("post-deployment-scripts", "another version pinned", write("constraints.txt", "pydantic==1.0\n")),
    ("post-rollback", "the version before is broken", broken_before),
    ("post-backup-tested", "nothing to back up", lambda twin: twin.remove(".zk0/runs", "memory-bank")),
    (
        "post-user-documentation",
        "a change of a dot",
        edit("CHANGELOG.md", "- The angles of all joints are limited.", "- ."),
    ),
    ("post-user-documentation", "another version in the code", edit("armlet/__init__.py", "0.2.0", "0.3.0")),
    ("post-api-documentation", "a dead link", committed(edit("README.md", "docs/trouble.md", "docs/gone.md"))),
    (
        "post-api-documentation",
        "no link",
        committed(edit("README.md", "[When something fails](docs/trouble.md)", "Nothing fails")),
    ),
    ("post-api-documentation", "not committed", add("README.md", "\nMore.\n")),
    ("post-runbook", "an issue of one letter", MUTE_WORKFLOW),
    (
        "post-runbook",
        "a note of a dot",
        edit("workflows/check.yaml", "The tests run in the environment of zk0 itself.", "'.'"),
    ),
    (
        "post-training-materials",
        "a module that does not exist",
        edit("README.md", IN_EXAMPLE, "from armlet.nothing import limited"),
    ),
    ("post-training-materials", "an unknown command", edit("README.md", "zk0 run check", "zk0 fly")),
    ("post-lessons", "no entry", no_entries),
    ("post-lessons", "an altered entry", altered_entry),
    ("post-specifications", "names alone", write("memory-bank/architecture.md", "armlet armlet.\n")),
    (
        "post-workflows-improved",
        "an action that does not exist",
        edit("workflows/check.yaml", "uses: tests.run", "uses: tests.fly"),
    ),
    (
        "post-workflows-improved",
        "a checklist that does not exist",
        edit("workflows/check.yaml", "checklist: implementation", "checklist: easy"),
    ),
    ("post-next-context", "no entry", no_entries),
]
