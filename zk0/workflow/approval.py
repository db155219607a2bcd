"""A person's approval: given in a terminal, or as an SSH signature of a statement.

An answer in a terminal is *stated*: whoever writes to the terminal can give it. A signature that ssh-keygen verifies is
*signed*. It is valid if its key is in `allowed_signers` (the format of ssh-keygen(1)) of the commit that the run began
on, so nobody who works on the project meanwhile, such as an agent, can add a key of their own.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from zk0.core.errors import ConfigurationError, DependencyMissingError
from zk0.core.process import Completed
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.core.trusted import read_committed, run_trusted
from zk0.workflow.statement import ApprovalSubject

ALLOWED_SIGNERS = "allowed_signers"
NAMESPACE = "zk0"  # a signature made for another purpose does not count here
REASON = "reason: "
KEY = re.compile(r"key (SHA256:\S+)")  # in what `ssh-keygen -Y verify` prints

type Proof = Literal["stated", "signed"]


@dataclass(frozen=True)
class ApprovalQuestion:
    """The question to a person: `statement` is the whole of what they approve; `commit` is the one the run began on."""

    step: str
    directory: Path
    statement: str
    commit: str | None
    subject: ApprovalSubject

    def text(self, *, approve: bool) -> str:
        """Return the text to sign; a rejection ends with the place for its reason."""
        return f"{self.statement}decision: approve\n" if approve else f"{self.statement}decision: reject\n{REASON}"

    def file(self, *, approve: bool) -> Path:
        """Return the file with that text."""
        return self.directory / ("approve.txt" if approve else "reject.txt")


@dataclass(frozen=True)
class ApprovalAnswer:
    """The answer of a person to a statement, with who it was and how that is known.

    A signed answer has the fingerprint of its `key`, and the signed `text` with its `signature` in files.
    """

    approved: bool
    by: str
    how: Proof
    statement: str
    reason: str = ""
    key: str = ""
    text: Path | None = None
    signature: Path | None = None


@dataclass(frozen=True)
class Signer:
    """A signer: the name in `allowed_signers`, and the fingerprint of the key."""

    name: str
    key: str


def prepare(question: ApprovalQuestion) -> None:
    """Write the texts to sign into the step's directory; answers to an earlier question are renamed."""
    for approve in (True, False):
        file = question.file(approve=approve)
        for old in (file, _signature_of(file)):
            if old.exists():
                old.replace(old.with_name(f"{old.name}.superseded"))
        write_atomically(file, question.text(approve=approve))


def signed_answer(project: Project, question: ApprovalQuestion) -> ApprovalAnswer | None:
    """Return the answer that a person signed; None if nothing is signed.

    Raises:
        ConfigurationError: there is a signature, but by nobody who may sign, or of another statement.
        DependencyMissingError: git or ssh-keygen is missing, or can't be trusted.
    """
    for approve in (True, False):
        file = question.file(approve=approve)
        signature = _signature_of(file)
        if not signature.exists():
            continue
        text = file.read_text(encoding="utf-8")
        statement = question.text(approve=approve)
        reason = text.removeprefix(statement).strip()
        if not (text == statement if approve else text.startswith(statement) and reason):
            problem = "says something else than what is asked" if approve else "gives no reason after `reason: `"
            raise ConfigurationError(f"{file} {problem}", remedy=f"remove {file} and {signature.name}; zk0 resume")
        signer = signer_of(project, question.commit, file, signature)
        return ApprovalAnswer(approve, signer.name, "signed", question.statement, reason, signer.key, file, signature)
    return None


def signer_of(project: Project, commit: str | None, file: Path, signature: Path) -> Signer:
    """Return the signer of a file, of those in `allowed_signers` of a commit.

    Raises:
        ConfigurationError: none of them signed it, or the commit has no `allowed_signers`.
        DependencyMissingError: git or ssh-keygen is missing, or can't be trusted.
    """
    allowed = allowed_signers(project, commit)
    with TemporaryDirectory() as directory:
        signers = Path(directory) / ALLOWED_SIGNERS
        signers.write_bytes(allowed)
        # Copies, so that what is verified can't be exchanged meanwhile.
        content, armored = file.read_bytes(), Path(directory) / "signature"
        armored.write_bytes(signature.read_bytes())
        found = _ssh_keygen(project, "find-principals", "-s", str(armored), "-f", str(signers))
        name = found.out.partition("\n")[0].strip()
        arguments = ("-f", str(signers), "-I", name, "-n", NAMESPACE, "-s", str(armored))
        verified = found if found.status else _ssh_keygen(project, "verify", *arguments, stdin=content)
        key = KEY.search(verified.out)
        if verified.status or key is None:
            raise ConfigurationError(
                f"{signature} is not a signature of {file.name} by anyone in {ALLOWED_SIGNERS} of {commit}",
                remedy=f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {file}",
            )
    return Signer(name, key[1])


def allowed_signers(project: Project, commit: str | None) -> bytes:
    """Return `allowed_signers` as it is in a commit.

    Raises:
        ConfigurationError: the commit has none.
        DependencyMissingError: there is no git that can be trusted.
    """
    committed = read_committed(project.root, commit, ALLOWED_SIGNERS) if commit else None
    if committed is None:
        raise ConfigurationError(
            f"the commit that the run began on ({commit or 'none'}) has no {ALLOWED_SIGNERS}",
            remedy=f"answer in a terminal: zk0 resume; or commit {ALLOWED_SIGNERS} and begin a new run",
        )
    return committed


def names_signers(project: Project, commit: str | None) -> bool:
    """Return whether a commit says whose signatures count, so that no stated answer does."""
    try:
        allowed_signers(project, commit)
    except ConfigurationError:
        return False
    return True


def _signature_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.sig")


def _ssh_keygen(project: Project, what: str, *arguments: str, stdin: bytes = b"") -> Completed:
    try:
        return run_trusted("ssh-keygen", "-Y", what, *arguments, project=project.root, stdin=stdin)
    except DependencyMissingError as error:
        remedy = "install OpenSSH in a directory of the system, or answer in a terminal"
        raise DependencyMissingError(f"no signature can be verified: {error.message}", remedy=remedy) from error
