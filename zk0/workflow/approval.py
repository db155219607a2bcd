"""A person's approval: given in a terminal, or as an SSH signature of a statement.

A signature is valid if its key is in `allowed_signers` (the format of ssh-keygen(1)) of the commit that the run began
on, so nobody who works on the project meanwhile, such as an agent, can add a key of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from zk0.core.errors import ConfigurationError, DependencyMissingError
from zk0.core.git import read_git
from zk0.core.process import Completed, run_program
from zk0.core.project import Project

ALLOWED_SIGNERS = "allowed_signers"
NAMESPACE = "zk0"  # a signature made for another purpose does not count here
# Variables that coding agents set in the processes they start; such a terminal is not a person's.
AGENT_MARKS = ("CLAUDECODE", "CODEX_SANDBOX", "CURSOR_AGENT", "GEMINI_CLI", "KILO_AGENT", "OPENCODE", "ZK0_RUN")
REASON = "reason: "


@dataclass(frozen=True)
class ApprovalQuestion:
    """The question to a person: `statement` says in full what they sign; `commit` is the one the run began on."""

    step: str
    directory: Path
    statement: str
    commit: str | None

    def text(self, *, approve: bool) -> str:
        """Return the text to sign; a rejection ends with the place for its reason."""
        return f"{self.statement}decision: approve\n" if approve else f"{self.statement}decision: reject\n{REASON}"

    def file(self, *, approve: bool) -> Path:
        """Return the file with that text."""
        return self.directory / ("approve.txt" if approve else "reject.txt")


@dataclass(frozen=True)
class ApprovalAnswer:
    """The answer of a person, with who it was and how that is known."""

    approved: bool
    by: str
    how: Literal["terminal", "signature"]
    reason: str = ""


def agent_mark(environment: Mapping[str, str]) -> str | None:
    """Return the variable that marks an environment as an agent's or a program's; None for a person's."""
    return next((name for name in AGENT_MARKS if environment.get(name)), None)


def prepare(question: ApprovalQuestion) -> None:
    """Write the texts to sign into the step's directory."""
    question.directory.mkdir(parents=True, exist_ok=True)
    for approve in (True, False):
        file = question.file(approve=approve)
        if not file.exists():
            file.write_text(question.text(approve=approve), encoding="utf-8")


def signed_answer(project: Project, question: ApprovalQuestion) -> ApprovalAnswer | None:
    """Return the answer that a person signed; None if nothing is signed.

    Raises:
        ConfigurationError: there is a signature, but by nobody who may sign, or of another statement.
    """
    for approve in (True, False):
        file = question.file(approve=approve)
        signature = file.with_name(f"{file.name}.sig")
        if not signature.exists():
            continue
        text = file.read_text(encoding="utf-8")
        statement = question.text(approve=approve)
        reason = text.removeprefix(statement).strip()
        if not (text == statement if approve else text.startswith(statement) and reason):
            problem = "says something else than what is asked" if approve else "gives no reason after `reason: `"
            raise ConfigurationError(f"{file} {problem}", remedy=f"remove {file} and {signature.name}; zk0 resume")
        return ApprovalAnswer(approve, signer_of(project, question.commit, file, signature), "signature", reason)
    return None


def signer_of(project: Project, commit: str | None, file: Path, signature: Path) -> str:
    """Return the signer of a file, of those in `allowed_signers` of a commit.

    Raises:
        ConfigurationError: none of them signed it, or the commit has no `allowed_signers`.
    """
    allowed = allowed_signers(project, commit)
    with TemporaryDirectory() as directory:
        signers = Path(directory) / ALLOWED_SIGNERS
        signers.write_text(allowed, encoding="utf-8")
        found = _ssh_keygen("find-principals", "-s", str(signature), "-f", str(signers))
        name = found.stdout.decode().partition("\n")[0].strip()
        arguments = ("-f", str(signers), "-I", name, "-n", NAMESPACE, "-s", str(signature))
        if found.status or _ssh_keygen("verify", *arguments, stdin=file.read_bytes()).status:
            raise ConfigurationError(
                f"{signature} is not a signature of {file.name} by anyone in {ALLOWED_SIGNERS} of {commit}",
                remedy=f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {file}",
            )
    return name


def allowed_signers(project: Project, commit: str | None) -> str:
    """Return `allowed_signers` as it is in a commit.

    Raises:
        ConfigurationError: the commit has none.
    """
    shown = read_git(project.root, "show", f"{commit}:./{ALLOWED_SIGNERS}") if commit else None
    if shown is None:
        raise ConfigurationError(
            f"the commit that the run began on ({commit or 'none'}) has no {ALLOWED_SIGNERS}",
            remedy=f"answer in a terminal: zk0 resume; or commit {ALLOWED_SIGNERS} and begin a new run",
        )
    return shown


def _ssh_keygen(what: str, *arguments: str, stdin: bytes = b"") -> Completed:
    try:
        return run_program("ssh-keygen", "-Y", what, *arguments, cwd=Path.cwd(), stdin=stdin)
    except DependencyMissingError as error:
        raise ConfigurationError(
            "there is no ssh-keygen to verify the signature with", remedy="install OpenSSH, or answer in a terminal"
        ) from error
