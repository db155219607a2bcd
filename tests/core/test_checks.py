"""A check takes typed options, says whose it is, and never passes without having looked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from zk0.core.checks import CHECKS, CheckContext, Part, check, register_subject, verdict_of
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.registry import Registry
from zk0.core.verdicts import Finding, Verdict, failed, passed


class Outputs(BaseModel):
    length: int


def context(length: int) -> CheckContext:
    return CheckContext(Project(Path()), Outputs(length=length))


@pytest.fixture(autouse=True)
def checks(monkeypatch):
    """A registry of its own, so that a test's checks do not stay."""
    fresh = Registry("check", "zk0.checks")
    monkeypatch.setattr("zk0.core.checks.CHECKS", fresh)
    return fresh


def test_a_check_s_keyword_arguments_are_its_options(checks):
    @check("note.length")
    def length(outputs: Outputs, *, minimum: int, unit: str = "words") -> Iterator[Finding]:
        """The note is long enough."""
        yield passed(f"{outputs.length} of {minimum} {unit}")

    entry = checks.get("note.length")

    assert entry.summary == "The note is long enough."
    assert entry.outputs is Outputs
    assert [subject.type for subject in entry.subjects] == [Outputs]
    assert set(entry.options.model_fields) == {"minimum", "unit"}
    [finding] = entry.run(context(3), {"minimum": 2})
    assert (finding.check, finding.message) == ("note.length", "3 of 2 words")


def test_a_check_may_answer_with_one_finding(checks):
    @check("note.short")
    def short(outputs: Outputs) -> Finding:
        """The note is short enough."""
        return passed(f"{outputs.length} words")

    [finding] = checks.get("note.short").run(context(3), {})

    assert (finding.check, finding.message) == ("note.short", "3 words")


@pytest.mark.parametrize("options", [{}, {"minimum": "few"}, {"minimum": 1, "maximum": 2}])
def test_options_that_do_not_fit_are_refused(checks, options):
    @check("note.length")
    def length(outputs: Outputs, *, minimum: int) -> Iterator[Finding]:
        """The note is long enough."""
        yield passed("")

    with pytest.raises(ValidationError):
        checks.get("note.length").run(context(3), options)


def test_a_check_that_looked_at_nothing_is_an_error(checks):
    @check("note.nothing")
    def nothing(outputs: Outputs) -> Iterator[Finding]:
        """Look at nothing."""
        yield from ()

    [finding] = checks.get("note.nothing").run(context(3), {})

    assert finding.verdict is Verdict.error


def test_a_type_that_is_made_known_is_read_from_the_step(checks, monkeypatch):
    monkeypatch.setattr("zk0.core.checks._SUBJECTS", {})
    register_subject(int, lambda context: context.outputs.length, fields=("length",), reads=(Part.runs,))

    @check("note.odd")
    def odd(number: int) -> Iterator[Finding]:
        """The length is odd."""
        yield passed("odd") if number % 2 else failed("even")

    entry = checks.get("note.odd")

    assert [subject.type for subject in entry.subjects] == [int]
    assert entry.reads == (Part.runs,)
    assert verdict_of(entry.run(context(3), {})) is Verdict.passed
    assert verdict_of(entry.run(context(4), {})) is Verdict.failed
    assert entry.refuse(Outputs) is None
    assert "length" in (entry.refuse(BaseModel) or "")


def test_a_check_is_handed_the_project_beside_the_outputs(checks, tmp_path):
    @check("note.placed")
    def placed(outputs: Outputs, project: Project) -> Iterator[Finding]:
        """The note lies in the project."""
        yield passed(f"{outputs.length} in {project.root.name}")

    [finding] = checks.get("note.placed").run(CheckContext(Project(tmp_path), Outputs(length=2)), {})

    assert finding.message == f"2 in {tmp_path.name}"
    assert checks.get("note.placed").reads == ()


def test_a_check_of_outputs_needs_a_step(checks, tmp_path):
    @check("note.length")
    def length(outputs: Outputs) -> Iterator[Finding]:
        """The note is long enough."""
        yield passed("")

    with pytest.raises(AssetMissingError):
        checks.get("note.length").run(CheckContext(Project(tmp_path)), {})


def test_an_alias_is_the_same_check_under_its_older_id_and_options(checks):
    @check("note.length", aliases={"old.length": {"least": "minimum"}})
    def length(outputs: Outputs, *, minimum: int = 1) -> Iterator[Finding]:
        """The note is long enough."""
        yield passed("") if outputs.length >= minimum else failed("")

    [finding] = checks.get("old.length").run(context(3), {"least": 4})

    assert (finding.check, finding.verdict) == ("old.length", Verdict.failed)
    with pytest.raises(ValidationError):
        checks.get("old.length").run(context(3), {"minimum": 4})


@pytest.mark.parametrize("kind", [float, None])
def test_a_parameter_of_an_unknown_type_is_refused(kind):
    def judge(subject) -> Iterator[Finding]:
        """Judge what nobody can give."""
        yield passed("")

    judge.__annotations__["subject"] = kind

    with pytest.raises(ValueError, match="not a type that a check can judge"):
        check("note.unknown")(judge)


def test_a_check_of_the_project_says_what_it_reads():
    with pytest.raises(ValueError, match="what it reads"):

        @check("note.vague")
        def vague(project: Project) -> Iterator[Finding]:
            """Say nothing of what is read."""
            yield passed("")


def test_a_check_explains_itself_or_is_refused():
    with pytest.raises(ValueError, match="no docstring"):

        @check("note.mute")
        def mute(outputs: Outputs) -> Iterator[Finding]:
            yield passed("")


def test_the_real_registry_is_untouched():
    assert "note.length" not in CHECKS._items
