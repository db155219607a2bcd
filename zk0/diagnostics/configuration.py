"""Did each client use what was configured? (`configuration.delivered`)

A setting that is decided on the server and never reaches the client makes every tuning of it a fiction.
"""

from collections.abc import Iterator

from zk0.diagnostics.registry import diagnostic, point, where
from zk0.ledger import Ledger, RunOpened, Training
from zk0.verdicts import Finding, failed, not_available, passed


@diagnostic("configuration.delivered")
def delivered(ledger: Ledger) -> Iterator[Finding]:
    """What every client says it trained with is what the run was configured with."""
    if ledger.opened is None or not ledger.trainings:
        yield not_available("needs the run's configuration and a client's account of a round")
        return
    for training in ledger.trainings:
        yield _judge(ledger.opened, training)


def _judge(opened: RunOpened, training: Training) -> Finding:
    wanted = {key: setting.value for key, setting in opened.configuration.items()}
    if wanted["strategy"] == "fedavg":
        wanted["proximal-mu"] = 0.0
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
