"""Whether a person answered: in a terminal, or by an SSH signature over a statement of what they answer for.

A signature counts if its key stands in `allowed_signers` (the format of ssh-keygen(1)) in the commit that the run began
on: nobody who works on the project meanwhile, an agent for one, can add a key of their own to it.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from zk0.core.errors import ConfigurationError
from zk0.core.project import Project

ALLOWED_SIGNERS = "allowed_signers"
NAMESPACE = "zk0"  # a signature made for another purpose does not count here
# What coding agents set in the processes they start: their terminal is no person's.
AGENT_MARKS = ("CLAUDECODE", "CODEX_SANDBOX", "CURSOR_AGENT", "GEMINI_CLI", "KILO_AGENT", "OPENCODE", "ZK0_RUN")
REASON = "reason: "


@dataclass(frozen=True)
class Question:
    """What a person is asked: `statement` says in full what they answer for; `commit` is what the run began on."""

    step: str
    directory: Path
    statement: str
    commit: str | None

    def text(self, *, approve: bool) -> str:
        """Return what is signed; a rejection ends with the place for its reason."""
        return f"{self.statement}decision: approve\n" if approve else f"{self.statement}decision: reject\n{REASON}"

    def file(self, *, approve: bool) -> Path:
        """Where that text stands."""
        return self.directory / ("approve.txt" if approve else "reject.txt")


@dataclass(frozen=True)
class Answer:
    """What a person said, who it was, and how that is known."""

    approved: bool
    by: str
    how: Literal["terminal", "signature"]
    reason: str = ""


def agent_mark(environment: Mapping[str, str]) -> str | None:
    """Return the variable by which an environment is known to be a program's or an agent's, not a person's."""
    return next((name for name in AGENT_MARKS if environment.get(name)), None)


def prepare(question: Question) -> None:
    """Write what can be signed into the step's directory."""
    question.directory.mkdir(parents=True, exist_ok=True)
    for approve in (True, False):
        file = question.file(approve=approve)
        if not file.exists():
            file.write_text(question.text(approve=approve), encoding="utf-8")


def signed_answer(project: Project, question: Question) -> Answer | None:
    """Return what a person signed; None where nothing is signed.

    Raises:
        ConfigurationError: there is a signature, and it is not one of a person who may answer, or not of this question.
    """
    for approve in (True, False):
        file = question.file(approve=approve)
        signature = file.with_name(f"{file.name}.sig")
        if not signature.exists():
            continue
        text = file.read_text(encoding="utf-8")
        asked = question.text(approve=approve)
        reason = text.removeprefix(asked).strip()
        if not (text == asked if approve else text.startswith(asked) and reason):
            problem = "says something else than what is asked" if approve else "gives no reason after `reason: `"
            raise ConfigurationError(f"{file} {problem}", remedy=f"remove {file} and {signature.name}; zk0 resume")
        return Answer(approve, signer_of(project, question.commit, file, signature), "signature", reason)
    return None


def signer_of(project: Project, commit: str | None, file: Path, signature: Path) -> str:
    """Return whose signature of a file this is, of those in `allowed_signers` of a commit.

    Raises:
        ConfigurationError: it is none of theirs, or the commit has no `allowed_signers`.
    """
    allowed = allowed_signers(project, commit)
    with TemporaryDirectory() as directory:
        signers = Path(directory) / ALLOWED_SIGNERS
        signers.write_text(allowed, encoding="utf-8")
        found = _ssh_keygen("find-principals", "-s", str(signature), "-f", str(signers))
        name = found.stdout.decode().partition("\n")[0].strip()
        arguments = ("-f", str(signers), "-I", name, "-n", NAMESPACE, "-s", str(signature))
        if found.returncode or _ssh_keygen("verify", *arguments, content=file.read_bytes()).returncode:
            raise ConfigurationError(
                f"{signature} is not a signature of {file.name} by anyone in {ALLOWED_SIGNERS} of {commit}",
                remedy=f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {file}",
            )
    return name


def allowed_signers(project: Project, commit: str | None) -> str:
    """Return `allowed_signers` as a commit has it.

    Raises:
        ConfigurationError: it has none.
    """
    shown = ["git", "-C", str(project.root), "show", f"{commit}:./{ALLOWED_SIGNERS}"]
    found = subprocess.run(shown, capture_output=True, text=True, check=False) if commit else None  # noqa: S603
    if found is None or found.returncode:
        raise ConfigurationError(
            f"the commit that the run began on ({commit or 'none'}) has no {ALLOWED_SIGNERS}",
            remedy=f"answer in a terminal: zk0 resume; or commit {ALLOWED_SIGNERS} and begin a new run",
        )
    return found.stdout


def _ssh_keygen(what: str, *arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["ssh-keygen", "-Y", what, *arguments]
    try:
        return subprocess.run(command, input=content, capture_output=True, check=False, env=os.environ)  # noqa: S603
    except FileNotFoundError as error:
        raise ConfigurationError(
            "there is no ssh-keygen to verify the signature with", remedy="install OpenSSH, or answer in a terminal"
        ) from error
