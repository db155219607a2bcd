"""What people signed and waived: one file each in `checklists/signatures/`, committed with the project.

A signature states the item's sentence, a note, and until when it holds; where one of these is changed, or the item's
sentence is, it no longer counts. Where the last commit has `allowed_signers`, only an SSH signature by a key in it
counts: it is *signed*. Without that file a person's word at their terminal counts: it is *stated*, a promise and no
proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError

from zk0.checklists.items import Item, Model, Name, Text
from zk0.core.errors import ConfigurationError
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.workflow.approval import names_signers, signer_of


class SignatureDecision(StrEnum):
    """What a person says of an item: that it holds, or that its box may stay open."""

    signed = "signed"
    waived = "waived"


def _renamed(how: object) -> object:
    """Return the word of today for one in a file that an earlier version wrote."""
    return {"terminal": "stated", "signature": "signed"}.get(str(how), how)


class Signature(Model):
    """One person's word on one item."""

    item: Name
    sentence: Text
    decision: SignatureDecision
    note: Text
    by: Text
    how: Annotated[Literal["stated", "signed"], BeforeValidator(_renamed)]
    key: str | None = Field(None, exclude_if=lambda key: key is None)  # the fingerprint of the key that signed it
    at: AwareDatetime
    expires: AwareDatetime
    code: str | None = None  # the digest of the code it was given on
    signature: str | None = None  # armored, over `statement`

    @property
    def statement(self) -> str:
        """The text that is signed: all that the signature vouches for."""
        lines = {
            "item": self.item,
            "sentence": self.sentence,
            "decision": self.decision,
            "note": self.note,
            "at": self.at.isoformat(),
            "expires": self.expires.isoformat(),
            "code": self.code or "none",
        }
        return "zk0 checklist\n" + "".join(f"{name}: {' '.join(str(text).split())}\n" for name, text in lines.items())

    @property
    def summary(self) -> str:
        """Who said what, how that is known, and how long it holds."""
        return f"{self.word} by {self.by}{self._proof} until {self.expires:%Y-%m-%d}: {self.note}"

    @property
    def word(self) -> str:
        """What was done: only what a key proves is called signed."""
        return self.how if self.decision is SignatureDecision.signed else str(self.decision)

    @property
    def _proof(self) -> str:
        if self.how == "stated":
            return " in a terminal"
        return f" with {self.key}" if self.key else " with an SSH key"

    def complaint(self, item: Item, now: datetime, tree: str | None) -> str | None:
        """Say why this no longer counts for an item; None where it does."""
        if self.expires < now:
            return f"what {self.by} {self.word} expired on {self.expires:%Y-%m-%d}"
        if self.sentence != item.sentence:
            return f"{self.by} {self.word} another sentence: {self.sentence}"
        if item.for_code and self.code != tree:
            return f"the code changed since {self.by} {self.word} it on {self.at:%Y-%m-%d}"
        return None


@dataclass(frozen=True)
class Signatures:
    """All that people said, by item; `problems` says of each file that does not count why."""

    words: Mapping[tuple[str, SignatureDecision], Signature] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def of(self, item: Item, decision: SignatureDecision) -> Signature | None:
        """Return what a person said of an item."""
        return self.words.get((item.id, decision))


def read_signatures(project: Project) -> Signatures:
    """Return what counts of the project's signatures, and why the others don't."""
    commit = project.git_state().commit
    words, problems = {}, {}
    for path in sorted(project.signatures_dir.glob("*.json")):
        try:
            signature = Signature.model_validate_json(path.read_bytes())
            _require_person(project, commit, signature)
        except ValidationError as error:
            problems[path.stem.partition(".")[0]] = f"{path.name} is not a signature: {error.errors()[0]['msg']}"
        except ConfigurationError as error:
            problems[signature.item] = f"{path.name} does not count: {error.message}"
        else:
            words[signature.item, signature.decision] = signature
    return Signatures(words, problems)


def save_signature(project: Project, signature: Signature) -> Path:
    """Write a signature down and return its file.

    Raises:
        ConfigurationError: it would not count.
    """
    _require_person(project, project.git_state().commit, signature)
    path = project.signatures_dir / f"{signature.item}.{signature.decision}.json"
    write_atomically(path, signature.model_dump_json(indent=2) + "\n")
    return path


def _require_person(project: Project, commit: str | None, signature: Signature) -> None:
    if signature.how == "stated" and not signature.signature:
        if names_signers(project, commit):
            raise ConfigurationError(
                "the project has allowed_signers, and this has no SSH signature",
                remedy=f"zk0 checklist sign {signature.item} --note … --key KEY",
            )
        return
    with TemporaryDirectory() as folder:
        statement, armored = Path(folder) / "statement.txt", Path(folder) / "statement.txt.sig"
        statement.write_text(signature.statement, encoding="utf-8")
        armored.write_text(signature.signature or "", encoding="utf-8")
        signer = signer_of(project, commit, statement, armored)
    if signer.name != signature.by:
        raise ConfigurationError(f"it says {signature.by}, and {signer.name} signed it")
    if signature.key not in (None, signer.key):
        raise ConfigurationError(f"it says {signature.key}, and {signer.key} signed it")
