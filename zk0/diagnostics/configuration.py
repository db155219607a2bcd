"""Did each client use what was decided? (`configuration.delivered`, `configuration.steps`)

A setting that is decided on the server and never reaches the client makes every tuning of it a fiction. What was
decided for a round counts before what was configured for the run.
"""

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed
from zk0.diagnostics.series import each, each_training, point, with_places
from zk0.ledger import Ledger, Training
from zk0.ledger.schema import Value

NOT_CONFIGURED = "nothing"
SAME = 1e-6  # relative; logs of other programs print six digits


@check("configuration.delivered")
@each(
    lambda ledger: with_places(ledger.trainings if ledger.opened or ledger.decisions else ()),
    "needs the run's configuration and a client's account of a round",
)
def delivered(training: Training, ledger: Ledger) -> Finding:
    """Every client trained with the settings that the run was configured with."""
    wanted = _decided(ledger, training)
    # Where only some settings were decided, the others are the client's own business.
    keys = [key for key in training.settings if ledger.opened or key in wanted]
    if not keys:
        return not_available("the client does not say what it used")
    others = [
        (key, configured, used)
        for key in keys
        if not _same(used := training.settings[key], configured := wanted.get(key, NOT_CONFIGURED))
    ]
    if not others:
        return passed(f"{len(keys)} settings arrived")
    return failed(
        "; ".join(
            f"{key} is {used} at the client and {configured} in the configuration" for key, configured, used in others
        ),
        evidence=[
            evidence
            for key, configured, used in others
            for evidence in (point(f"configured {key}", configured), point(f"used {key}", used))
        ],
        cause="the client reads the setting elsewhere, or the server overwrites it",
        remedy="send the setting with the round's messages, and let the client use nothing else",
        fault=Fault.setting_not_delivered,
        confidence=1.0,
    )


def _decided(ledger: Ledger, training: Training) -> dict[str, Value]:
    """Return the settings a client's round is to have."""
    wanted: dict[str, Value] = {}
    if ledger.opened is not None:
        wanted = {key: setting.value for key, setting in ledger.opened.configuration.items()}
        if wanted.get("strategy") == "fedavg":
            wanted["proximal-mu"] = 0.0
    for decision in ledger.decisions:
        if decision.round == training.round and decision.client in (None, training.client):
            wanted |= decision.settings
    return wanted


def _same(used: object, wanted: object) -> bool:
    if isinstance(used, float | int) and isinstance(wanted, float | int) and not isinstance(used, bool):
        return abs(used - wanted) <= SAME * max(abs(used), abs(wanted))
    return used == wanted


@check("configuration.steps")
@each_training
def steps(training: Training, ledger: Ledger) -> Finding:
    """Every client makes as many steps as configured."""
    wanted = _decided(ledger, training).get("local-steps")
    made = training.steps + training.faults.empty_batches
    evidence = [point("steps made", made, "steps")]
    if not isinstance(wanted, int):
        return not_available("needs the configured number of local steps")
    if made == wanted:
        return passed(f"{made} steps", evidence=evidence)
    return failed(
        f"{made} steps were made, {wanted} were configured",
        evidence=[*evidence, point("steps configured", wanted, "steps")],
        cause="the client counts something else (epochs, batches of its data), or stops early",
        remedy="count optimizer steps, and end the round by their number",
        fault=Fault.setting_not_delivered,
        confidence=0.95,
    )
