"""Did each client use what was configured? (`configuration.delivered`)

A setting that is decided on the server and never reaches the client makes every tuning of it a fiction.
"""

from collections.abc import Iterator

from zk0.diagnostics.registry import diagnostic, point, where
from zk0.ledger import Ledger, RunOpened, Training
from zk0.verdicts import Finding, failed, not_available, passed

NOT_CONFIGURED = "nothing"


@diagnostic("configuration.delivered")
def delivered(ledger: Ledger) -> Iterator[Finding]:
    """What every client says it trained with is what the run was configured with."""
    if ledger.opened is None or not ledger.trainings:
        yield not_available("needs the run's configuration and a client's account of a round")
        return
    for training in ledger.trainings:
        yield _judge(ledger.opened, training)


def _judge(opened: RunOpened, training: Training) -> Finding:
    if not training.settings:
        return not_available("the client does not say what it used", at=where(training))
    configured = {key: setting.value for key, setting in opened.configuration.items()}
    if configured.get("strategy") == "fedavg":
        configured["proximal-mu"] = 0.0
    wanted = {key: configured.get(key, NOT_CONFIGURED) for key in training.settings}
    others = {key: used for key, used in training.settings.items() if used != wanted[key]}
    if not others:
        return passed(f"{len(training.settings)} settings arrived", at=where(training))
    return failed(
        "; ".join(
            f"{key} is {used} at the client and {wanted[key]} in the configuration" for key, used in others.items()
        ),
        at=where(training),
        evidence=[
            point(f"{side} {key}", value, where(training))
            for key in others
            for side, value in (("configured", wanted[key]), ("used", others[key]))
        ],
        cause="the client reads the setting elsewhere, or the server overwrites it",
    )
