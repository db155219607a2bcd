"""`zk0 checklist` as a user runs it: evidence ages, is renewed, is signed for, and is exported."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict

from .conftest import Program
from .terminal import in_terminal

CHECKLIST = """\
name: mine
title: What has to hold
phase: all
renewed_by: look
items:
  - {id: no-leftovers, section: Code, sentence: No debugger is left., check: {project: leftovers.debugging},
     not_looked_at: logs}
  - {id: linked, section: Code, sentence: All links lead somewhere., check: {project: documentation.links},
     not_looked_at: sites}
  - {id: looked, section: Work, sentence: The workflow ran., check: {verdict_of: look}, not_looked_at: how well}
  - {id: reviewed, section: Work, sentence: The code was reviewed., manual: true, for_code: true}
"""
LOOK = "name: look\ntitle: Look\npurpose: To try.\nchecklist: mine\nsteps:\n  - {id: look, title: Look, run: [ls]}\n"


@dataclass(frozen=True)
class Small:
    """A project, in which commands run in this process; a terminal needs the real program."""

    program: Program
    command: Callable[..., tuple[int, str, str]]

    @property
    def root(self) -> Path:
        return self.program.root

    def __call__(self, *arguments: str) -> SimpleNamespace:
        status, out, err = self.command(*arguments)
        return SimpleNamespace(returncode=status, stdout=out, stderr=err)


@pytest.fixture
def small(program, command):
    """Give a committed project with a checklist, a workflow, a program and a page."""
    files = {
        ".gitignore": ".zk0/\nmemory-bank/\n",
        "checklists/mine.yaml": CHECKLIST,
        "workflows/look.yaml": LOOK,
        "small/__init__.py": "mu = 0.01\n",
        "README.md": "# Small\n\n[Top](#small)\n",
    }
    for name, text in files.items():
        (program.root / name).parent.mkdir(exist_ok=True)
        (program.root / name).write_text(text)
    git(program, "init", "-q")
    commit(program)
    return Small(program, command)


def git(program, *arguments: str) -> None:
    identity = ["-c", "user.name=A person", "-c", "user.email=person@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=program.root, check=True, capture_output=True)


def commit(program) -> None:
    git(program, "add", "-A")
    git(program, "commit", "-q", "-m", "Change")


def boxes(program, command: str = "show") -> dict[str, tuple[bool, str]]:
    ended = program("checklist", command, "mine", "--json")
    items = json.loads(ended.stdout)["data"]["items"]
    return {item["id"]: (item["ticked"], item["message"]) for item in items}


def test_evidence_is_fresh_then_stale_with_the_code_and_fresh_again_when_renewed(small):
    assert small("run", "look", "--quiet").returncode == 0
    first = small("checklist", "verify", "mine")
    assert first.returncode == 3, first.stdout + first.stderr
    assert "3 of 4 ticked" in first.stdout

    (small.root / "README.md").write_text("# Small\n\n[Top](#small)\n\nMore words.\n")
    commit(small)
    documented = boxes(small)
    assert [documented[name][0] for name in ("no-leftovers", "linked", "looked")] == [True, False, True]
    assert documented["linked"][1] == "the documents changed since: zk0 checklist verify mine"

    (small.root / "small" / "__init__.py").write_text("mu = 0.1\n")
    changed = boxes(small)
    assert changed["no-leftovers"] == (False, "the code changed since: zk0 checklist verify mine")
    assert changed["looked"][0] is False
    assert changed["looked"][1].endswith("since: zk0 run look")

    assert small("run", "look", "--quiet").returncode == 0
    renewed = boxes(small, "verify")
    assert [renewed[name][0] for name in ("no-leftovers", "linked", "looked", "reviewed")] == [True, True, True, False]


def test_a_setting_that_was_changed_makes_evidence_old_too_and_undoing_it_makes_it_new(small):
    small("run", "look", "--quiet")
    pyproject = small.root / "pyproject.toml"
    pyproject.write_text("[tool.flwr.app.config]\nrounds = 3\n")
    assert not boxes(small)["looked"][0]

    pyproject.write_text("")
    assert boxes(small)["looked"][0]


def test_what_is_wrong_ends_with_1_and_names_place_and_remedy(small):
    (small.root / "small" / "__init__.py").write_text("breakpoint()\n")

    ended = small("checklist", "verify", "mine")

    assert ended.returncode == 1
    assert "small/__init__.py:1: " in ended.stdout
    assert "→ remove it, or log it" in ended.stdout


def test_a_checklist_is_rendered_into_a_file_and_by_the_run(small):
    small("run", "look", "--quiet")
    small("checklist", "verify", "mine")

    written = small("checklist", "render", "mine", "--out", "checklist.md")
    printed = small("checklist", "render", "mine")

    assert (written.returncode, written.stdout) == (0, "")
    page = (small.root / "checklist.md").read_text()
    assert "**3 of 4 ticked.** A machine decides 3, a person 1." in page
    assert "- [x] No debugger is left." in page
    assert printed.stdout.startswith("# What has to hold\n")
    [run] = (small.root / ".zk0" / "runs").iterdir()
    assert "- [x] The workflow ran." in (run / "checklist.md").read_text()


def test_a_statement_is_exported(small):
    small("checklist", "verify", "mine")

    printed = json.loads(small("checklist", "export", "mine").stdout)
    small("checklist", "export", "mine", "--out", "mine.json")

    assert printed["predicate"]["passedTests"] == ["no-leftovers", "linked"]
    assert json.loads((small.root / "mine.json").read_text()) == printed


def test_a_person_signs_in_their_terminal_and_the_code_opens_the_box_again(small):
    small("run", "look", "--quiet")
    sign = ("checklist", "sign", "reviewed", "--note", "line by line")

    status, said = in_terminal(small.program, *sign, asked="by you", answer="y")
    assert status == 0, said
    assert "commit checklists/signatures/reviewed.signed.json" in said
    commit(small)
    verified = small("checklist", "verify", "mine")
    assert (verified.returncode, "4 of 4 ticked" in verified.stdout) == (0, True)

    (small.root / "small" / "__init__.py").write_text("mu = 0.2\n")
    assert boxes(small)["reviewed"][1].startswith("the code changed since")


def test_a_waiver_leaves_the_box_open_and_troubles_nobody(small):
    (small.root / "small" / "__init__.py").write_text("breakpoint()\n")
    assert small("checklist", "verify", "mine").returncode == 1

    status, said = in_terminal(
        small.program, "checklist", "waive", "no-leftovers", "--reason", "a trial", asked="by you", answer="y"
    )
    ended = small("checklist", "verify", "mine")

    assert status == 0, said
    assert ended.returncode == 4  # no longer 1: what is left lacks evidence
    assert "1 of 4 ticked, 1 waived" in ended.stdout
    assert "a trial" in small("checklist", "render", "mine").stdout


@pytest.mark.parametrize(
    ("arguments", "more", "words"),
    [
        (["sign", "reviewed", "--note", "x"], {}, "there is no terminal"),
        (["sign", "reviewed", "--note", "x"], {"CLAUDECODE": "1"}, "CLAUDECODE is set"),
        (["sign", "looked", "--note", "x"], {}, "is decided by the verdict of step look, not by a signature"),
        (["sign", "reviewd", "--note", "x"], {}, "did you mean reviewed"),
        (["sign", "reviewed", "--note", " "], {}, "needs a note"),
        (["waive", "looked", "--reason", "x", "--expires", "2020-01-01"], {}, "2020-01-01 has passed"),
        (["waive", "looked", "--reason", "x", "--expires", "soon"], {}, "--expires"),
        (["verify", "min"], {}, "did you mean mine?"),
    ],
)
def test_what_can_t_be_done_ends_with_2_and_leaves_nothing(small, monkeypatch, arguments, more, words):
    for name in ("CLAUDECODE", "ZK0_RUN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in more.items():
        monkeypatch.setenv(name, value)

    ended = small("checklist", *arguments)

    assert (ended.returncode, words in ended.stderr) == (2, True), ended.stderr
    assert not (small.root / "checklists" / "signatures").exists()


def test_an_agent_s_terminal_and_a_no_sign_nothing(small):
    marked, said = in_terminal(
        small.program, "checklist", "sign", "reviewed", "--note", "x", asked="by you", answer="y", CODEX_SANDBOX="1"
    )
    declined, _ = in_terminal(small.program, "checklist", "sign", "reviewed", "--note", "x", asked="by you", answer="n")

    assert (marked, "ask a person" in said, declined) == (2, True, 130)
    assert not boxes(small)["reviewed"][0]


def test_a_key_signs_where_the_project_names_its_signers(small, tmp_path, monkeypatch):
    for name in ("CLAUDECODE", "ZK0_RUN"):
        monkeypatch.delenv(name, raising=False)
    key = tmp_path / "keys" / "id"
    key.parent.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (small.root / ".gitignore").write_text(".zk0/\nmemory-bank/\nkeys/\n")
    (small.root / "allowed_signers").write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    commit(small)

    without = small("checklist", "sign", "reviewed", "--note", "x")
    signed = small("checklist", "sign", "reviewed", "--note", "line by line", "--key", str(key))

    assert (without.returncode, "give your key with --key" in without.stderr) == (2, True)
    assert signed.returncode == 0, signed.stderr
    assert boxes(small)["reviewed"] == (True, boxes(small)["reviewed"][1])
    assert boxes(small)["reviewed"][1].startswith("signed by ada@example.org with SHA256:")


OWN = """\
from zk0.core.checks import Part, check
from zk0.core.project import Project
from zk0.core.verdicts import failed, passed


@check("readme.short", reads=(Part.documents,))
def short(project: Project, *, lines: int = 200):
    '''The README is short enough to be read.'''
    count = len((project.root / "README.md").read_text().splitlines())
    yield passed(f"{count} lines") if count <= lines else failed(f"{count} lines, at most {lines} are wanted")
"""


def test_a_project_adds_a_check_of_its_own(small):
    item = "  - {id: short, section: Code, sentence: It is short., check: {project: readme.short, with: {lines: 0}},\n"
    item += "     not_looked_at: its words}\n"
    (small.root / "checklists" / "mine.yaml").write_text(CHECKLIST + item)
    (small.root / "small_checks.py").write_text(OWN)
    (small.root / "pyproject.toml").write_text('[tool.zk0]\nactions = ["small_checks"]\n')

    ended = small.program("checklist", "verify", "mine")

    assert (ended.returncode, "3 lines, at most 0 are wanted" in ended.stdout) == (1, True), ended.stderr
    assert small.program("checklist", "lint").stdout == ""


def test_list_and_lint_tell_of_the_checklists(small):
    rows = {row["name"]: row for row in json.loads(small("checklist", "list", "--json").stdout)["data"]}
    assert (rows["mine"]["items"], rows["mine"]["machine"]) == (4, 3)
    assert (rows["comprehensive"]["items"], rows["comprehensive"]["machine"]) == (87, 68)
    assert small("checklist", "lint").returncode == 0

    name = "checklists/mine.yaml"
    silent = CHECKLIST.replace(", not_looked_at: how well", "")
    (small.root / name).write_text(silent)
    assert small("checklist", "lint").stdout.startswith("mine: looked: `not_looked_at` is missing")
    (small.root / name).write_text(CHECKLIST)

    (small.root / "checklists" / "notes.md").write_text("- [x] done by hand\n")
    ended = small("checklist", "lint")
    assert (ended.returncode, ended.stdout.startswith("checklists/notes.md:1")) == (2, True)


def test_show_explains_an_item(small):
    small("checklist", "verify", "mine")

    shown = small("checklist", "show", "linked")
    data = json.loads(small("checklist", "show", "linked", "--json").stdout)["data"]

    assert (shown.returncode, "not looked at\n  sites" in shown.stdout) == (0, True)
    assert data["looked_at"][0]["found"][0]["verdict"] == "pass"
    assert data["not_looked_at"] == "sites"
    assert small("checklist", "show", "linkd").returncode == 2


def test_an_answer_that_is_written_by_hand_is_named_and_asked_again(small):
    (small.root / "small" / "__init__.py").write_text("breakpoint()\n")
    small("checklist", "verify", "mine")
    kept = small.root / ".zk0" / "checklists" / "project" / "receipts" / "leftovers.debugging.json"
    kept.write_text(passing(kept.read_text()))

    shown = json.loads(small("checklist", "show", "mine", "--json").stdout)["data"]
    verified = small("checklist", "verify", "mine")

    assert [(item["ticked"], item["verdict"]) for item in shown["items"][:1]] == [(False, "not-available")]
    problem = "the kept answer of leftovers.debugging is not one that zk0 wrote"
    assert shown["problems"] == [problem]
    assert f"{problem}: it was asked again" in verified.stdout
    assert json.loads(kept.read_text())["verdict"] == "fail"


def passing(text: str) -> str:
    """Return a receipt as its forger wants it, with a digest that fits."""
    receipt = Receipt.model_validate_json(text)
    good = [finding.model_copy(update={"verdict": Verdict.passed}) for finding in receipt.findings]
    return receipt.changed(verdict=Verdict.passed, findings=tuple(good)).model_dump_json()
