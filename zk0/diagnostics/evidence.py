"""How diagnostics name what they found: a client's round, and a number with its place."""

from zk0.core.verdicts import Evidence
from zk0.ledger import Training


def where(training: Training) -> str:
    """Return how a client's round is called in a finding."""
    return f"{training.client}, round {training.round}"


def point(name: str, value: float | str | None, at: str, unit: str = "") -> Evidence:
    """Return one number as evidence."""
    return Evidence(name=name, value=value, unit=unit, at=at)
