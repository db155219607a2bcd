"""A check takes typed options, says whose it is, and never passes without having looked."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError

from zk0.checks import CHECKS, check, verdict_of
from zk0.registry import Registry
from zk0.verdicts import Finding, Verdict, failed, passed


class Outputs(BaseModel):
    length: int


@pytest.fixture(autouse=True)
def checks(monkeypatch):
    """A registry of its own, so that a test's checks do not stay."""
    fresh = Registry("check", "zk0.checks")
    monkeypatch.setattr("zk0.checks.CHECKS", fresh)
    return fresh


def test_a_check_s_keyword_arguments_are_its_options(checks):
    @check("note.length")
    def length(outputs: Outputs, *, minimum: int, unit: str = "words") -> Iterator[Finding]:
        """The note is long enough."""
        yield passed(f"{outputs.length} of {minimum} {unit}")

    entry = checks.get("note.length")

    assert entry.summary == "The note is long enough."
    assert entry.judges is Outputs
    assert set(entry.options.model_fields) == {"minimum", "unit"}
    [finding] = entry.run(Outputs(length=3), {"minimum": 2})
    assert (finding.check, finding.message) == ("note.length", "3 of 2 words")


@pytest.mark.parametrize("options", [{}, {"minimum": "few"}, {"minimum": 1, "maximum": 2}])
def test_options_that_do_not_fit_are_refused(checks, options):
    @check("note.length")
    def length(outputs: Outputs, *, minimum: int) -> Iterator[Finding]:
        """The note is long enough."""
        yield passed("")

    with pytest.raises(ValidationError):
        checks.get("note.length").run(Outputs(length=3), options)


def test_a_check_that_looked_at_nothing_is_an_error(checks):
    @check("note.nothing")
    def nothing(outputs: Outputs) -> Iterator[Finding]:
        """Look at nothing."""
        yield from ()

    [finding] = checks.get("note.nothing").run(Outputs(length=3), {})

    assert finding.verdict is Verdict.error


def test_a_subject_is_made_from_the_outputs(checks):
    @check("note.odd", subject=lambda outputs: outputs.length)
    def odd(number: int) -> Iterator[Finding]:
        """The length is odd."""
        yield passed("odd") if number % 2 else failed("even")

    entry = checks.get("note.odd")

    assert entry.judges is None
    assert verdict_of(entry.run(Outputs(length=3), {})) is Verdict.passed
    assert verdict_of(entry.run(Outputs(length=4), {})) is Verdict.failed


def test_a_check_explains_itself_or_is_refused():
    with pytest.raises(ValueError, match="no docstring"):

        @check("note.mute")
        def mute(outputs: Outputs) -> Iterator[Finding]:
            yield passed("")


def test_the_real_registry_is_untouched():
    assert "note.length" not in CHECKS._items
