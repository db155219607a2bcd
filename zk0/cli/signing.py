"""Sign or waive a checklist item: in a person's terminal, or with their SSH key."""

import getpass
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from zk0.checklists.items import Item
from zk0.checklists.signatures import Signature, SignatureDecision, save_signature
from zk0.checklists.verifying import until
from zk0.core.agent_mark import agent_mark
from zk0.core.errors import ConfigurationError, InputError, RequestError
from zk0.core.project import Project
from zk0.core.trusted import trusted_program
from zk0.workflow.approval import NAMESPACE, names_signers, signer_of

DAYS = {
    SignatureDecision.signed: 90,
    SignatureDecision.waived: 30,
}  # a quarter; a month, since a waiver is meant to end


def sign_item(
    project: Project, item: Item, decision: SignatureDecision, note: str, expires: str | None, key: Path | None
) -> Path:
    """Sign or waive an item and return the path of the saved signature.

    Raises:
        RequestError: checks decide the item, an agent asks, or there is no terminal to ask in.
        InputError: the note is empty, or the last day is invalid or has passed.
        ConfigurationError: the signature would not count, or the key cannot sign.
        DependencyMissingError: there is no ssh-keygen that can be trusted.
    """
    if decision is SignatureDecision.signed and item.check is not None:
        proofs = ", ".join(map(str, item.check))
        raise RequestError(
            f"{item.id} is decided by {proofs}, not by a signature", remedy=f"zk0 checklist waive {item.id} --reason …"
        )
    if mark := agent_mark(os.environ):
        raise RequestError(f"only a person signs, and {mark} is set: an agent runs this", remedy="ask a person")
    signature = _unsigned(project, item, decision, note, expires)
    if key:
        return save_signature(project, _sign_with_key(project, signature, key))
    if names_signers(project, project.git_state().commit):
        raise ConfigurationError(
            "the project has allowed_signers, so only an SSH signature counts", remedy="give your key with --key"
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RequestError("only a person signs, and there is no terminal to ask in", remedy="run it in a terminal")
    typer.echo(signature.statement, err=True)
    if not typer.confirm(f"Is this {decision} by you, {signature.by}?", err=True):
        raise typer.Abort
    return save_signature(project, signature)


def _unsigned(project: Project, item: Item, decision: SignatureDecision, note: str, expires: str | None) -> Signature:
    now = datetime.now(UTC).replace(microsecond=0)
    if not note.strip():
        raise InputError("a signature needs a note", remedy="say what you looked at, and how")
    try:
        end = until(expires, DAYS[decision], now)
    except ValueError as error:
        raise InputError(f"--expires: {error}", remedy=f"--expires {now.year + 1}-01-31") from error
    return Signature(
        item=item.id,
        sentence=item.sentence,
        decision=decision,
        note=" ".join(note.split()),
        by=getpass.getuser(),
        how="stated",
        at=now,
        expires=end,
        code=project.git_state().tree,
    )


def _sign_with_key(project: Project, signature: Signature, key: Path) -> Signature:
    with TemporaryDirectory() as folder:
        statement = Path(folder) / "statement.txt"
        statement.write_text(signature.statement, encoding="utf-8")
        program = str(trusted_program("ssh-keygen", project.root))
        command = [program, "-Y", "sign", "-n", NAMESPACE, "-f", str(key.expanduser()), str(statement)]
        # Not `run_program`: in a session of its own, ssh-keygen has no terminal to ask for the key's passphrase.
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        armored = statement.with_name(f"{statement.name}.sig")
        if done.returncode or not armored.exists():
            reason = done.stderr.strip().partition("\n")[0]
            raise ConfigurationError(f"cannot sign with {key}: {reason}", remedy="give your private key with --key")
        signer = signer_of(project, project.git_state().commit, statement, armored)
        proof = {"by": signer.name, "how": "signed", "key": signer.key, "signature": armored.read_text("utf-8")}
        return signature.model_copy(update=proof)
