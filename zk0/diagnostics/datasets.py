"""Do the data sets fit together? (`datasets.units`, `.rates`, `.apart`, `.covered`, `.spread`, `.decoded`)

Before the first round a client describes its data in a few numbers; a policy that learns from degrees at one client
and from radians at the next learns from neither. Frames never leave a client, so nothing here looks at one. Units and
rates are checked as well where the data sets are prepared, under the ids `data.units` and `data.format`.
"""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple, Self

from zk0.core.checks import CheckContext, Part, check, register_subject
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import each_training, point
from zk0.ledger import ClientData, Ledger, Training
from zk0.ledger.reader import find_ledger

RADIANS = 3.2  # a half turn; all joints of an arm that moved at all are beyond it in degrees
HALF_TURN = 180.0  # degrees; no SO-101 joint turns farther, and LeRobot's normalised range is -100..100
NORMALISED = 100.0  # LeRobot's normalised range; joints at exactly this limit were normalised
GRIPPER = (-10.0, 110.0)  # percent open, with room for calibration that is a little off
GUESS = 0.45  # confidence where a glitch of a sensor (`datasets.spread`) looks the same: too low to explain it away
RATE = 0.01  # relative
WIDER = 5.0  # times the other clients' range of a joint
WIDE = 200.0  # degrees, or percent: what any joint may move by
LOST_WARN, LOST_FAIL = 0.01, 0.05  # of a client's frames; zk0's own reader gives up at the second


class DatasetSummary(NamedTuple):
    """One data set in a few numbers; `state_range` is (minimum, maximum) a joint, the gripper last."""

    name: str
    fps: float
    state_range: list[tuple[float, float]]

    @property
    def largest(self) -> float:
        """The largest absolute position of a joint, without the gripper."""
        return max((abs(value) for pair in self.state_range[:-1] for value in pair), default=0.0)

    @property
    def unit(self) -> str:
        """The unit that the ranges suggest."""
        if self.largest < RADIANS:
            return "radians"
        at_limit = [value for pair in self.state_range[:-1] for value in pair if abs(value) == NORMALISED]
        return "-100 to 100" if self.largest == NORMALISED and len(at_limit) > 1 else "degrees"


class DatasetSummaries(tuple[DatasetSummary, ...]):
    """The data sets that a step has prepared, or those of a ledger's clients."""

    __slots__ = ()

    @classmethod
    def from_ledger(cls, ledger: Ledger) -> Self:
        """Return those of the run's clients."""
        clients = ledger.opened.clients if ledger.opened else ()
        return cls(DatasetSummary(one.client, one.fps, one.state_range) for one in clients)

    @classmethod
    def from_context(cls, context: CheckContext) -> Self:
        """Return those of the step's `sets`, else of its ledger or of the project's last one."""
        sets = getattr(context.outputs, "sets", None)
        if sets is None:
            return cls.from_ledger(find_ledger(context))
        return cls(DatasetSummary(one.name, one.fps, one.state_range) for one in sets)


register_subject(DatasetSummaries, DatasetSummaries.from_context, fields=("ledger", "sets"), reads=(Part.runs,))


@check("datasets.units", aliases={"data.units": {}})
def units(sets: DatasetSummaries) -> Iterator[Finding]:
    """All joint positions are in the same of LeRobot's units: degrees (or -100..100), and 0..100 for the gripper."""
    known = [one for one in sets if one.state_range]
    if not known:
        yield not_available("needs the joint ranges of a data set")
        return
    mixed = len({one.unit for one in known}) > 1
    evidence = [point("largest joint position", one.largest, at=one.name) for one in known]
    if mixed:
        yield failed(
            "units differ: " + ", ".join(f"{one.name} in {one.unit}" for one in known),
            evidence=evidence,
            cause="recorded with another calibration or another driver",
            remedy="convert the data sets to degrees, and the gripper to percent",
            fault=Fault.data_units,
            confidence=0.9,
        )
    implausible = [finding for one in known if (finding := _implausible(one, mixed=mixed))]
    yield from implausible
    if not mixed and not implausible:
        yield passed(f"{_number(known)} in {known[0].unit}", evidence=evidence)


def _implausible(one: DatasetSummary, *, mixed: bool) -> Finding | None:
    """Return the finding on ranges that no SO-101 has in LeRobot's units; None where they are plausible."""
    low, high = one.state_range[-1]
    confidence = GUESS
    if one.unit == "radians" and not mixed:
        message, confidence = f"no joint goes beyond {one.largest:.2f}: these look like radians", 0.9
    elif one.largest > HALF_TURN:
        message = f"a joint reaches {one.largest:.0f}, more than a half turn"
    elif one.unit != "radians" and (low < GRIPPER[0] or high > GRIPPER[1]):
        message = f"the gripper spans {low:.0f} to {high:.0f}, not 0 to 100"
    else:
        return None
    shown = {"largest joint position": one.largest, "gripper, lowest": low, "gripper, highest": high}
    return failed(
        message,
        at=one.name,
        evidence=[point(name, value, at=one.name) for name, value in shown.items()],
        cause="recorded in other units, or with glitches of a sensor",
        remedy="record with LeRobot's so101_follower, use_degrees on",
        fault=Fault.data_units,
        confidence=confidence,
    )


def _number(sets: Sequence[DatasetSummary]) -> str:
    return f"{len(sets)} data set{'s' * (len(sets) > 1)}"


@check("datasets.rates", aliases={"data.format": {}})
def rates(sets: DatasetSummaries) -> Finding:
    """All data sets have one frame rate: a chunk of actions spans the same time everywhere."""
    if not sets:
        return not_available("needs the frame rates of the data sets")
    evidence = [point("frames a second", one.fps, "1/s", at=one.name) for one in sets]
    fastest, slowest = max(one.fps for one in sets), min(one.fps for one in sets)
    if fastest <= slowest * (1 + RATE):
        return passed(f"{_number(sets)}, {fastest:g} frames a second", evidence=evidence)
    return failed(
        "frame rates differ: " + ", ".join(f"{one.name} {one.fps:g}" for one in sets),
        evidence=evidence,
        cause="a chunk of actions spans another time for each client",
        remedy="resample the data sets to one rate",
        fault=Fault.data_rate,
        confidence=1.0,
    )


@check("datasets.apart")
def apart(ledger: Ledger) -> Finding:
    """No two clients have the same data."""
    clients = _clients(ledger)
    if len(clients) < 2:  # noqa: PLR2004  two make a pair
        return not_available("needs the digests of two clients' data")
    owners: dict[str, list[str]] = {}
    for data in clients:
        owners.setdefault(data.digest, []).append(data.client)
    shared = [names for names in owners.values() if len(names) > 1]
    evidence = [point("digest of the data set", data.digest, at=data.client) for data in clients]
    if not shared:
        return passed(f"{len(clients)} data sets, all different", evidence=evidence)
    return failed(
        "; ".join(f"{' and '.join(names)} have the same data" for names in shared),
        evidence=evidence,
        cause="one data set is configured for two nodes, or an environment variable overrides the choice",
        remedy="give each node its own data set",
        fault=Fault.data_duplicated,
        confidence=1.0,
    )


def _clients(ledger: Ledger) -> list[ClientData]:
    return ledger.opened.clients if ledger.opened else []


@check("datasets.covered")
def covered(ledger: Ledger) -> Finding:
    """Every task that is trained is evaluated too."""
    clients, evaluated = _clients(ledger), {one.dataset for one in ledger.evaluations}
    if not clients or not evaluated:
        return not_available("needs the clients' tasks and an evaluation")
    left_out = [data for data in clients if not {data.client, data.dataset} & evaluated]
    seen = {task for data in clients if data not in left_out for task in data.tasks}
    blind = [data for data in left_out if not seen.issuperset(data.tasks)]
    if not blind:
        return passed(f"all {len(clients)} clients' tasks are evaluated")
    return warned(
        f"no evaluation covers {', '.join(data.client for data in blind)}",
        evidence=[point("task", task, at=data.client) for data in blind for task in data.tasks[:3]],
        cause="the server judges other data sets than the clients train on",
        remedy="hold out episodes of every client's data set",
        fault=Fault.data_uncovered,
        confidence=0.9,
    )


@check("datasets.spread")
def spread(ledger: Ledger) -> Finding:
    """No client's values are so wide that they squeeze the others' into nothing."""
    clients = _clients(ledger)
    if len(clients) < 2:  # noqa: PLR2004  there are no others to squeeze
        return not_available("needs the joint ranges of two clients")
    wide = []
    for data in clients:
        for joint, (low, high) in enumerate(data.state_range):
            others = [one.state_range[joint] for one in clients if one is not data and joint < len(one.state_range)]
            usual = median(top - bottom for bottom, top in others) if others else 0.0
            if high - low > max(WIDE, WIDER * usual):
                wide.append((data.client, joint, high - low, usual))
    if not wide:
        return passed("the ranges are of one size")
    client, joint, width, usual = max(wide, key=lambda one: one[2])
    return failed(
        f"joint {joint} of {client} spans {width:.0f}, the others' {usual:.0f}",
        at=client,
        evidence=[point(f"span of joint {joint}", width, at=name) for name, joint, width, _ in wide[:6]],
        cause="glitches of a sensor, or another unit: the merged normalisation follows the widest",
        remedy="leave out the episodes with the wild values, or convert the units",
        fault=Fault.data_spread,
        confidence=0.9,
    )


@check("datasets.decoded")
@each_training
def decoded(training: Training, _: Ledger) -> Finding:
    """Frames can be read."""
    empty = training.faults.empty_batches
    asked = (training.steps + empty) * (training.batch_size or 0)
    if not asked:
        return not_available("needs the batch size")
    lost = training.faults.undecodable_frames
    message = f"{lost} of {asked} frames can't be decoded"
    evidence = [point("frames that can't be decoded", lost, "frames"), point("asked for", asked, "frames")]
    if lost / asked <= LOST_WARN and not empty:
        return passed(message, evidence=evidence)
    say = failed if lost / asked > LOST_FAIL or empty else warned
    return say(
        message,
        evidence=evidence,
        cause="broken or cut-off videos",
        remedy="record or fetch the data set again, or leave out the episodes that are broken",
        fault=Fault.data_corrupt,
        confidence=0.95,
    )
