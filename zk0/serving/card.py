"""The model card of a checkpoint, in the hub's format, rendered from receipts and from a ledger that one of them names.

A number that no receipt has is not in the card: its place says *not measured*. The last section names the receipt of
each section, so that a reader who has the project can look it up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zk0.core.pages import cell, markdown
from zk0.core.receipts import Receipt
from zk0.ledger import Evaluation, Ledger
from zk0.ledger.schema import Value
from zk0.serving.results import LatencySummary, TaskResult
from zk0.serving.selection import COLLECTED, PREPARED, TRAINED, Choice, FinishedTraining
from zk0.training.presets import PRESETS

BUILT, CHOSEN = "policy.build", "serving.choose"
LOCAL, SERVED, COMPARED = "serving.evaluate", "policy-server.drive", "policy-server.compare"
UNKNOWN = "not measured"
SETTINGS = ("strategy", "proximal-mu", "adaptive-mu", "rounds", "local-steps", "batch-size", "learning-rate", "seed")


@dataclass(frozen=True)
class CardSources:
    """All that a card is made of: a training, the chosen checkpoint, and the receipts of this run by action."""

    training: FinishedTraining
    choice: Choice
    serving: Mapping[str, Receipt]
    name: str
    licence: str

    @property
    def receipts(self) -> list[tuple[str, Receipt]]:
        """The receipts that the card rests on, each with what it is about."""
        own = {
            "training and losses": self.training.receipts.get(TRAINED),
            "the last checkpoint": self.training.receipts.get(COLLECTED),
            "data sets": self.training.receipts.get(PREPARED),
            "the start policy": self.training.receipts.get(BUILT),
            "the choice of the checkpoint": self.serving.get(CHOSEN),
            "success and latency, local": self.serving.get(LOCAL),
            "success and latency, through the server": self.serving.get(SERVED),
            "equality of server and local inference": self.serving.get(COMPARED),
        }
        return [(about, receipt) for about, receipt in own.items() if receipt is not None]


def render_card(sources: CardSources) -> str:
    """Return the card as Markdown with the hub's front matter; pure, the same for the same sources."""
    training = sources.training
    ledger = training.ledger
    settings = _settings(ledger)
    trained = training.receipts[TRAINED]
    preset = PRESETS.get(str(settings.get("preset")))
    built = training.receipts.get(BUILT)
    given = bool(built and (built.inputs.get("policy") or built.inputs.get("backbone")))
    return (
        markdown("zk0.serving", cell=cell)
        .get_template("model-card.md.j2")
        .render(
            name=sources.name,
            licence=sources.licence,
            training=training.state.run,
            good=training.is_good,
            trained=trained,
            code=trained.code,
            round=sources.choice.round,
            rounds=settings.get("rounds", UNKNOWN),
            clients=[one.client for one in ledger.opened.clients] if ledger.opened else [],
            settings={key: settings.get(key, UNKNOWN) for key in SETTINGS},
            opened=ledger.opened,
            digest=sources.choice.digest,
            losses=_losses(ledger, sources.choice.round),
            sets=_sets(training),
            success=_success(sources.serving),
            latency=_latency(sources.serving),
            compared=_outputs(sources.serving.get(COMPARED)),
            is_random=built is not None and not given and preset is not None and preset.pretrained is None,
            base_model=preset.pretrained if preset and not given else None,
            preset=preset.name if preset else UNKNOWN,
            receipts=sources.receipts,
            unknown=UNKNOWN,
        )
    )


def unmeasured(sources: CardSources) -> list[str]:
    """Return what the card can't say, since no receipt has it."""
    ledger, found = sources.training.ledger, []
    if any(UNKNOWN in row for row in _losses(ledger, sources.choice.round)) or not ledger.evaluations:
        found.append("losses")
    found += [about for about, key in (("data sets", PREPARED),) if key not in sources.training.receipts]
    own = {"success": LOCAL, "success through the server": SERVED, "equality": COMPARED}
    return found + [about for about, key in own.items() if key not in sources.serving]


def _settings(ledger: Ledger) -> dict[str, Value]:
    return {key: one.value for key, one in ledger.opened.configuration.items()} if ledger.opened else {}


def _losses(ledger: Ledger, number: int) -> list[list[str]]:
    """Return data set, role, frames, loss at round 0, loss at the checkpoint's round, and their ratio."""
    found: dict[str, dict[int, Evaluation]] = {}
    for one in ledger.evaluations:
        found.setdefault(one.dataset, {})[one.round] = one
    rows = []
    for name, rounds in found.items():
        before, after = rounds.get(0), rounds.get(number)
        old, new = before.loss if before else None, after.loss if after else None
        frames = after.frames if after else None
        role = next(iter(rounds.values())).role
        ratio = UNKNOWN if not old or new is None else f"{new / old:.2f}"
        rows.append([name, role, UNKNOWN if frames is None else str(frames), _number(old), _number(new), ratio])
    return rows


def _sets(training: FinishedTraining) -> list[list[str]]:
    """Return name, source, role, episodes, frames, rate, robot, cameras and tasks of each data set."""
    receipt = training.receipts.get(PREPARED)
    return [
        [
            one["name"],
            _source(one["source"]),
            one["role"],
            f"{one['episodes']} ({one['training_episodes']} to train on)" if one["role"] == "client"
            else str(one["episodes"]),
            str(one["frames"]),
            f"{one['fps']:g}",
            one["robot_type"] or "not stated",
            ", ".join(one["cameras"]),
            " ".join(one["tasks"]),
        ]
        for one in (receipt.outputs["sets"] if receipt else [])
    ]  # fmt: skip


def _source(source: str) -> str:
    """Return where a data set comes from; the path of a folder is nobody's business."""
    if source.startswith(("sim:", "site:")):
        return source
    return source if source.count("/") == 1 and source[0] not in ".~/" else "a local folder"


def _success(serving: Mapping[str, Receipt]) -> list[list[str]]:
    """Return task, success by local inference, success through the server, and the rate of an arm that is blind."""
    local, served = (
        {one.task: one for one in map(TaskResult.model_validate, _outputs(serving.get(key)).get("tasks", ()))}
        for key in (LOCAL, SERVED)
    )
    return [
        [
            name,
            local[name].shown if name in local else UNKNOWN,
            served[name].shown if name in served else UNKNOWN,
            f"{(local.get(name) or served[name]).blind:.1%}",
        ]
        for name in {**local, **served}
    ]


def _latency(serving: Mapping[str, Receipt]) -> list[list[str]]:
    """Return the row of each way that was measured."""
    ways = {"local": serving.get(LOCAL), "through the server": serving.get(SERVED)}
    return [
        [way, *LatencySummary.model_validate(outputs["latency"]).row]
        for way, receipt in ways.items()
        if (outputs := _outputs(receipt)).get("latency")
    ]


def _outputs(receipt: Receipt | None) -> dict[str, Any]:
    return receipt.outputs if receipt else {}


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"
