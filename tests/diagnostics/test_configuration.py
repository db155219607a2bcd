"""What was configured is what every client trained with."""

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict
from zk0.ledger import Decision, Faults


def test_settings_that_arrive_pass(events, judge):
    opened = events.opened(strategy="fedprox", proximal_mu=0.01, local_steps=200, device="cpu")
    training = events.training(settings={"proximal-mu": 0.01, "local-steps": 200})

    [finding] = judge("configuration.delivered", opened, training)

    assert (finding.verdict, finding.message, finding.at) == ("pass", "2 settings arrived", "left, round 1")


def test_a_setting_that_the_client_overrides_fails_with_both_values(events, judge, numbers):
    """The field's dynamic learning rate, which was computed on the server and overwritten before it was sent."""
    opened = events.opened(strategy="fedprox", learning_rate=5e-4, rounds=3)
    training = events.training(settings={"learning-rate": 1e-4})

    [finding] = judge("configuration.delivered", opened, training)

    assert finding.verdict is Verdict.failed
    assert finding.message == "learning-rate is 0.0001 at the client and 0.0005 in the configuration"
    assert numbers(finding) == {"configured learning-rate": 5e-4, "used learning-rate": 1e-4}


def test_fedavg_trains_without_mu_whatever_is_configured(events, judge):
    opened = events.opened(strategy="fedavg", proximal_mu=0.01)

    [without] = judge("configuration.delivered", opened, events.training(settings={"proximal-mu": 0.0}))
    [pulled] = judge("configuration.delivered", opened, events.training(settings={"proximal-mu": 0.01}))

    assert without.verdict is Verdict.passed
    assert (pulled.verdict, pulled.message) == (
        "fail",
        "proximal-mu is 0.01 at the client and 0.0 in the configuration",
    )


def test_a_setting_that_nobody_configured_fails(events, judge):
    [finding] = judge("configuration.delivered", events.opened(), events.training(settings={"momentum": 0.9}))

    assert finding.verdict is Verdict.failed
    assert finding.message == "momentum is 0.9 at the client and nothing in the configuration"


def test_a_client_that_says_nothing_is_not_called_obedient(events, judge):
    [finding] = judge("configuration.delivered", events.opened(), events.training(settings={}))

    assert (finding.verdict, finding.message) == ("not-available", "the client does not say what it used")


def test_a_rehearsal_has_no_configuration_to_compare_with(events, judge):
    [finding] = judge("configuration.delivered", events.training(settings={"local-steps": 200}))

    assert finding.verdict is Verdict.not_available


def test_every_client_and_round_is_judged(events, judge):
    opened = events.opened(batch_size=16)
    trainings = [events.training(name, settings={"batch-size": size}) for name, size in (("left", 16), ("right", 8))]

    found = {finding.at: finding.verdict for finding in judge("configuration.delivered", opened, *trainings)}

    assert found == {"left, round 1": Verdict.passed, "right, round 1": Verdict.failed}


def test_what_was_decided_for_a_round_counts_before_what_was_configured(events, judge):
    """The field's learning rate that was lowered round by round on the server, and constant at the clients."""
    opened = events.opened(learning_rate=1e-3)
    decided = Decision(round=2, client=None, settings={"learning-rate": 8e-4}, reason="stalled")
    rounds = [events.training(round=number, settings={"learning-rate": 1e-3}) for number in (1, 2)]

    first, second = judge("configuration.delivered", opened, decided, *rounds)

    assert first.verdict is Verdict.passed
    assert (second.verdict, second.fault) == (Verdict.failed, Fault.setting_not_delivered)
    assert second.message == "learning-rate is 0.001 at the client and 0.0008 in the configuration"


def test_a_log_with_decisions_alone_is_judged_by_those(events, judge):
    decided = Decision(round=1, client="left", settings={"proximal-mu": 0.01})
    used = {"proximal-mu": 0.0100000001, "learning-rate": 1e-3}

    [finding] = judge("configuration.delivered", decided, events.training(settings=used))

    assert (finding.verdict, finding.message) == (Verdict.passed, "1 settings arrived")


def test_a_client_that_makes_other_steps_than_it_was_told_is_named(events, judge):
    opened = events.opened(local_steps=4)

    [finding] = judge("configuration.steps", opened, events.training(policy_loss=[1.0, 0.9]))

    assert (finding.message, finding.fault) == ("2 steps were made, 4 were configured", Fault.setting_not_delivered)


def test_a_step_without_a_frame_was_a_step(events, judge):
    training = events.training(policy_loss=[1.0, 0.9], faults=Faults(empty_batches=2))

    assert judge("configuration.steps", events.opened(local_steps=4), training)[0].verdict is Verdict.passed
