"""How a receipt has aged: what of all it rested on is no longer as it was; pure."""

from collections.abc import Iterable
from datetime import timedelta

from zk0.checklists.snapshot import Present
from zk0.core.checks import Part
from zk0.core.git import GitState
from zk0.core.receipts import Receipt

SHORT_COMMIT = 8  # digits of a commit's name in a message, enough to look it up
BASIS = "basis"  # the output of a check of the project that holds the digest of each part it read
MACHINE_HOLDS = timedelta(hours=1)  # what was measured of disk, memory and network is taken for true


def change(receipt: Receipt, present: Present) -> str | None:
    """Say what a receipt rested on and is no longer so; None where nothing is known to have changed."""
    if receipt.digest in present.gone:
        return "what it made is gone or was changed"
    basis = receipt.outputs.get(BASIS)
    if isinstance(basis, dict):
        return _parts_change(receipt, basis, present)
    return _code_change(receipt.code, present.code) or _environment_change(receipt, present)


def parts_of(receipts: Iterable[Receipt]) -> set[Part]:
    """Return the parts of a project that have to be looked at to tell how these receipts have aged."""
    bases = (receipt.outputs.get(BASIS) for receipt in receipts)
    names = {name for basis in bases if isinstance(basis, dict) for name in basis}
    return {part for part in Part if part in names}


def _parts_change(receipt: Receipt, basis: dict[str, str | None], present: Present) -> str | None:
    known = {str(part): digest for part, digest in present.parts.items()}
    for part, digest in basis.items():
        if digest is None:  # the machine: no digest tells of it
            if present.at - receipt.finished > MACHINE_HOLDS:
                return f"more than {MACHINE_HOLDS.seconds // 60} minutes have passed"
        elif known.get(part, digest) != digest:
            return f"the {part} changed"
    return None


def _code_change(then: GitState, now: GitState) -> str | None:
    if then.tree and now.tree:
        if then.tree == now.tree:
            return None
    elif (then.commit, then.changes) == (now.commit, now.changes):
        return None
    if then.commit != now.commit:
        return f"the commit was {_named(then.commit)} and is {_named(now.commit)}"
    return "the uncommitted changes are others"


def _environment_change(receipt: Receipt, present: Present) -> str | None:
    for name, version in receipt.environment.items():
        if present.environment.get(name, version) != version:
            return f"{name} was {version} and is {present.environment[name]}"
    return None


def _named(commit: str | None) -> str:
    return commit[:SHORT_COMMIT] if commit else "none"
