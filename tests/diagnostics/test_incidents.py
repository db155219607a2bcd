"""What lines of a log mean, together."""

import pytest

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Incident, IncidentKind


def incident(kind: IncidentKind, text: str = "a line", *, client: str | None = None, count: int = 1) -> Incident:
    return Incident(kind=kind, round=1, client=client, count=count, text=text, read_from="server.log:7")


@pytest.mark.parametrize(
    ("name", "kind", "fault"),
    [
        ("incidents.data", IncidentKind.decode_error, Fault.data_corrupt),
        ("incidents.data", IncidentKind.batch_skipped, Fault.data_corrupt),
        ("incidents.data", IncidentKind.timestamps, Fault.data_rate),
        ("incidents.data", IncidentKind.unsupported_backend, None),
        ("incidents.steps", IncidentKind.step_skipped, None),
        ("incidents.steps", IncidentKind.not_finite, Fault.loss_not_finite),
        ("incidents.memory", IncidentKind.out_of_memory, Fault.out_of_memory),
        ("incidents.digests", IncidentKind.hash_mismatch, Fault.digest_mismatch),
        ("incidents.digests", IncidentKind.hash_missing, Fault.control_inactive),
        ("incidents.clients", IncidentKind.client_failed, Fault.client_dropouts),
        ("incidents.clients", IncidentKind.no_clients, Fault.client_dropouts),
        ("incidents.clients", IncidentKind.actor_died, Fault.client_dropouts),
        ("incidents.clients", IncidentKind.storage_invalid, None),
        ("incidents.programs", IncidentKind.program_missing, Fault.program_missing),
        ("incidents.secrets", IncidentKind.secret_shown, None),
    ],
)
def test_a_line_that_tells_of_it_fails_with_its_place_and_a_remedy(judge, name, kind, fault):
    [finding] = judge(name, incident(kind))

    assert (finding.verdict, finding.fault) == (Verdict.failed, fault)
    assert "server.log:7" in [one.at for one in finding.evidence]
    assert finding.cause
    assert finding.remedy


def test_a_few_lost_batches_among_many_steps_are_a_warning(judge, events):
    training = events.training(policy_loss=[1.0] * 200)

    [few] = judge("incidents.data", training, incident(IncidentKind.decode_error, count=3))
    [many] = judge("incidents.data", training, incident(IncidentKind.decode_error, count=20))

    assert (few.verdict, many.verdict) == (Verdict.warned, Verdict.failed)
    assert "3 batches" in few.message
    assert "1.5%" in few.message


def test_a_loader_that_began_anew_after_an_error_is_the_worse_finding(judge, events):
    training = events.training(policy_loss=[1.0] * 200)

    [finding] = judge(
        "incidents.data", training, incident(IncidentKind.decode_error), incident(IncidentKind.loader_restarted)
    )

    assert finding.verdict is Verdict.failed
    assert "the iterator is dead" in finding.cause


def test_digests_that_some_clients_give_make_the_control_weak_not_dead(judge, events):
    [finding] = judge("incidents.digests", events.training(digest_out="abc"), incident(IncidentKind.hash_missing))

    assert finding.verdict is Verdict.warned


@pytest.mark.parametrize(
    ("claim", "contrary", "other"),
    [
        ("Server started", IncidentKind.program_missing, IncidentKind.token_missing),
        ("Successfully pushed round 1", IncidentKind.token_missing, IncidentKind.out_of_memory),
        ("Training complete", IncidentKind.nothing_returned, IncidentKind.program_missing),
    ],
)
def test_a_claim_of_success_is_judged_by_what_speaks_of_the_same(judge, claim, contrary, other):
    claimed = incident(IncidentKind.success_claimed, claim)

    [alone] = judge("incidents.claims", claimed)
    [beside] = judge("incidents.claims", claimed, incident(other))
    [denied] = judge("incidents.claims", claimed, incident(contrary))

    assert alone.verdict is beside.verdict is Verdict.not_applicable
    assert (denied.verdict, denied.fault) == (Verdict.failed, Fault.success_unfounded)
    assert [one.value for one in denied.evidence] == [claim, "a line"]


def test_of_many_lines_the_first_are_shown_and_the_others_counted(judge):
    found = [incident(IncidentKind.hash_missing, client=f"client {number}") for number in range(9)]

    [finding] = judge("incidents.digests", *found)

    assert finding.message.startswith("9 replies carried no digest")
    assert finding.at == "client 0, client 1, client 2 and 6 more, round 1"
    assert (finding.evidence[-1].name, finding.evidence[-1].value) == ("further lines", 3)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("incidents.clients", IncidentKind.mixed_clients), ("incidents.sentinels", IncidentKind.sentinel)],
)
def test_what_spoils_no_run_is_a_warning(judge, name, kind):
    [finding] = judge(name, incident(kind, count=4))

    assert finding.verdict is Verdict.warned


BLOCK = (
    "                     Learning iteration {n}/10000\n\n"
    "               Value function loss: {value}\n                    Surrogate loss: 0.0100\n"
    "             Mean action noise std: 0.56\n                 Mean total reward: 25.66\n"
)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [(["0.2", "inf"], Verdict.failed), (["0.2", "inf", "0.3", "0.2", "0.1"], Verdict.warned)],
    ids=["to the end", "once"],
)
def test_a_number_that_is_not_finite_is_over_when_the_same_one_is_finite_again(diagnose_text, values, verdict):
    """Other numbers of its block (rsl_rl prints one a line) say nothing of it."""
    said = diagnose_text("".join(BLOCK.format(n=n, value=value) for n, value in enumerate(values, start=8390)))

    assert [one.verdict for one in said.findings if one.check == "reinforcement.critic"] == [verdict]
