"""One answer of many findings: the cause first, its symptoms behind it, and what can't be distinguished from both."""

from random import Random

import pytest

from zk0.core.errors import UnknownNameError
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.diagnosis import conclude, diagnose
from zk0.ledger import Incident, IncidentKind, Ledger
from zk0.ledger.log_events import LogProgress


def finding_of(check: str, finding: Finding) -> Finding:
    return finding.model_copy(update={"check": check})


def test_a_cause_takes_its_symptoms_with_it_and_says_why():
    worse = failed("not better than the untrained policy", fault=Fault.worse_than_baseline, confidence=1.0)
    cause = failed("the rate is ten times too high", fault=Fault.learning_rate_too_high, confidence=0.9)

    found = conclude([worse, cause])

    assert found.root == cause
    assert found.problems == (cause,)
    assert [(one.finding, one.by) for one in found.suppressed] == [(worse, Fault.learning_rate_too_high)]
    assert found.suppressed[0].reason == "weights that ran away are worse than untrained ones"
    assert found.faults == {Fault.learning_rate_too_high, Fault.worse_than_baseline}


def test_a_guess_explains_nothing_away():
    guess = warned("the rate may be too high", fault=Fault.learning_rate_too_high, confidence=0.3)
    worse = failed("not better than the untrained policy", fault=Fault.worse_than_baseline)

    found = conclude([guess, worse])

    assert found.problems == (worse, guess)
    assert not found.suppressed


def test_two_faults_that_don_t_explain_each_other_are_both_reported_the_earlier_one_first():
    dropouts = failed("two clients are missing", fault=Fault.client_dropouts, confidence=0.9)
    inert = failed("the term is inert", fault=Fault.proximal_inert)

    assert conclude([dropouts, inert]).problems == (inert, dropouts)


def test_a_failure_comes_before_a_warning():
    units = warned("these may be radians", fault=Fault.data_units)
    worse = failed("two policies are alike", fault=Fault.memory_fragmented)

    assert conclude([units, worse]).root == worse


def test_a_fault_that_two_diagnostics_name_is_reported_once():
    one = finding_of("digests", failed("it is the old one", fault=Fault.aggregate_not_returned, confidence=1.0))
    other = finding_of("losses", failed("one loss every round", fault=Fault.aggregate_not_returned, confidence=0.9))

    found = conclude([other, one])

    assert found.problems == (one,)
    assert found.suppressed[0].finding == other
    assert found.suppressed[0].reason == "digests names the same fault"


def test_what_is_the_same_in_many_rounds_is_reported_once_with_how_many():
    rounds = [
        failed(f"{value} at step 0", at=f"left, round {value}", fault=Fault.proximal_inert) for value in (1, 2, 3)
    ]

    [finding] = conclude(rounds).problems

    assert (finding.message, finding.at) == ("1 at step 0", "left, round 1 and 2 others")


def test_silence_and_questions_that_don_t_arise_stand_apart():
    found = conclude([not_available("needs digests"), not_applicable("mu is 0"), passed("all finite")])

    assert found.root is None
    assert [one.message for one in found.unanswered] == ["needs digests"]
    assert [one.message for one in found.not_applicable] == ["mu is 0"]
    assert [one.message for one in found.findings] == ["all finite"]


def test_a_finding_that_names_no_fault_is_reported(events):
    assert conclude([warned("odd")]).root == warned("odd")


def test_a_ledger_is_judged_by_every_diagnostic(events):
    found = diagnose(Ledger(tuple(events.evaluations(0.150, 0.438, 1.001, 1.088))))

    assert found.root is not None
    assert found.root.check == "evaluation.beats-baseline"
    assert {finding.check for finding in found.unanswered} > {"loss.trend", "proximal.acts"}


def test_only_those_asked_for_judge(events):
    found = diagnose(Ledger(tuple(events.evaluations(0.4, 0.2))), only=["evaluation.beats-baseline"])

    assert [finding.check for finding in found.findings] == ["evaluation.beats-baseline"]
    assert not found.unanswered


def test_an_unknown_diagnostic_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="trent"):
        diagnose(Ledger(()), only=["loss.trent"])


STEPS = 24
SERIES = ("policy_loss", "proximal_loss", "gradient_norm", "proximal_ratio", "learning_rate", "drift")
KINDS = (
    lambda chance: chance.choice([None, 0.0, 1.0, -1.0, 1e-300, 1e300, chance.uniform(-1e6, 1e6)]),
    lambda chance: chance.choice([0.0, 1e-300, 1e-9, 1e9, 1e300]),
    lambda chance: 10 ** chance.uniform(-150, 150),
    lambda _: 0.0,
    lambda _: None,
)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("mu", [None, "a word", -0.5, 1e-300, 0.1, 1e300])
def test_whatever_a_log_says_there_is_an_answer(events, seed, mu):
    """Foreign logs hold zeros, gaps, negative norms and words where numbers are expected."""
    chance = Random(f"{seed} {mu}")
    settings = {} if mu is None else {"proximal-mu": mu, "learning-rate": 0.0, "clip-norm": 0.0}

    def series(length=STEPS):
        kind = chance.choice(KINDS)
        return [kind(chance) for _ in range(length)]

    rounds = [
        events.training(client, number, settings=settings, **{name: series() for name in SERIES})
        for client in ("left", "right")
        for number in (1, 2, 3)
    ]

    found = diagnose(Ledger((*rounds, *events.evaluations(*series(6)), events.aggregation(norm=series(1)[0]))))

    assert found.findings or found.unanswered


def test_a_log_that_breaks_off_hides_no_exception_in_it(events):
    """Its end is a guess; what a line says is not."""
    expired = Incident(
        kind=IncidentKind.error_logged,
        round=1,
        client=None,
        text="fit failed: Error: Message Unavailable",
        level="ERROR",
    )
    short = LogProgress(unit="round", planned=3, reached=1)

    found = diagnose(Ledger((events.aggregation(rejected={"failure 1": "no reason"}), short, expired)))

    assert found.root.check == "exceptions.raised"
    assert "progress.ended" in [finding.check for finding in found.problems]
