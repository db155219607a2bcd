"""Do the clients' data sets fit together? (`datasets.units`, `.rates`, `.apart`, `.covered`, `.spread`, `.decoded`)

What a client says of its data before the first round is a few numbers; a policy that learns from degrees at one client
and from radians at the next learns from neither. Frames never leave a client, so nothing here looks at one.
"""

from collections.abc import Iterator
from statistics import median

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import point, where
from zk0.ledger import ClientData, Ledger

RADIANS = 3.2  # a half turn; all joints of an arm that moved at all are beyond it in degrees
NORMALISED = 100.0  # LeRobot's normalised range; joints at exactly this limit were normalised
RATE = 0.01  # relative
WIDER = 5.0  # times the other clients' range of a joint
WIDE = 200.0  # degrees, or percent: what any joint may move by
LOST_WARN, LOST_FAIL = 0.01, 0.05  # of a client's frames; zk0's own reader gives up at the second


@check("datasets.units")
def units(ledger: Ledger) -> Iterator[Finding]:
    """All clients give joint positions in the same units."""
    clients = [data for data in _clients(ledger, 2) if data.state_range]
    if not clients:
        yield not_available("needs the joint ranges of two clients")
        return
    found = {data.client: _unit(data) for data in clients}
    evidence = [point("largest joint position", _largest(data), data.client) for data in clients]
    if len(set(found.values())) > 1:
        yield failed(
            "units differ: " + ", ".join(f"{name} in {unit}" for name, unit in found.items()),
            evidence=evidence,
            cause="recorded with another calibration or another driver",
            remedy="convert the data sets to degrees, and the gripper to percent",
            fault=Fault.data_units,
            confidence=0.9,
        )
    else:
        yield passed(f"{len(clients)} clients in {found[clients[0].client]}", evidence=evidence)


def _largest(data: ClientData) -> float:
    return max((abs(value) for pair in data.state_range[:-1] for value in pair), default=0.0)


def _unit(data: ClientData) -> str:
    """Return the unit that a client's joint ranges speak of."""
    *joints, _ = data.state_range
    largest = _largest(data)
    if largest < RADIANS:
        return "radians"
    at_limit = [value for pair in joints for value in pair if abs(value) == NORMALISED]
    if largest == NORMALISED and len(at_limit) > 1:
        return "-100 to 100"
    return "degrees"


@check("datasets.rates")
def rates(ledger: Ledger) -> Iterator[Finding]:
    """All clients record as many frames a second: a chunk of actions means the same time everywhere."""
    clients = _clients(ledger, 2)
    if not clients:
        yield not_available("needs the frame rates of two clients")
        return
    evidence = [point("frames a second", data.fps, data.client, "1/s") for data in clients]
    fastest, slowest = max(data.fps for data in clients), min(data.fps for data in clients)
    if fastest > slowest * (1 + RATE):
        yield failed(
            "frame rates differ: " + ", ".join(f"{data.client} {data.fps:g}" for data in clients),
            evidence=evidence,
            cause="a chunk of actions spans another time for each client",
            remedy="resample the data sets to one rate",
            fault=Fault.data_rate,
            confidence=1.0,
        )
    else:
        yield passed(f"{fastest:g} frames a second", evidence=evidence)


@check("datasets.apart")
def apart(ledger: Ledger) -> Iterator[Finding]:
    """No two clients have the same data."""
    clients = _clients(ledger, 2)
    if not clients:
        yield not_available("needs the digests of two clients' data")
        return
    owners: dict[str, list[str]] = {}
    for data in clients:
        owners.setdefault(data.digest, []).append(data.client)
    shared = [names for names in owners.values() if len(names) > 1]
    evidence = [point("digest of the data set", data.digest, data.client) for data in clients]
    if shared:
        yield failed(
            "; ".join(f"{' and '.join(names)} have the same data" for names in shared),
            evidence=evidence,
            cause="one data set is configured for two nodes, or an environment variable overrides the choice",
            remedy="give each node its own data set",
            fault=Fault.data_duplicated,
            confidence=1.0,
        )
    else:
        yield passed(f"{len(clients)} data sets, all different", evidence=evidence)


@check("datasets.covered")
def covered(ledger: Ledger) -> Iterator[Finding]:
    """Every task that is trained is evaluated too."""
    clients = _clients(ledger, 1)
    evaluated = {one.dataset for one in ledger.evaluations}
    if not clients or not evaluated:
        yield not_available("needs the clients' tasks and an evaluation")
        return
    seen = {task for data in clients if {data.client, data.dataset} & evaluated for task in data.tasks}
    blind = [
        data
        for data in clients
        if not {data.client, data.dataset} & evaluated and any(task not in seen for task in data.tasks)
    ]
    if blind:
        yield warned(
            f"no evaluation covers {', '.join(data.client for data in blind)}",
            evidence=[point("task", task, data.client) for data in blind for task in data.tasks[:3]],
            cause="the server judges other data sets than the clients train on",
            remedy="hold out episodes of every client's data set",
            fault=Fault.data_uncovered,
            confidence=0.9,
        )
    else:
        yield passed(f"all {len(clients)} clients' tasks are evaluated")


@check("datasets.spread")
def spread(ledger: Ledger) -> Iterator[Finding]:
    """No client's values are so wide that they squeeze the others' into nothing."""
    clients = _clients(ledger, 2)
    if not clients:
        yield not_available("needs the joint ranges of two clients")
        return
    wide = []
    for data in clients:
        for joint, (low, high) in enumerate(data.state_range):
            others = [one.state_range[joint] for one in clients if one is not data and joint < len(one.state_range)]
            usual = median(top - bottom for bottom, top in others) if others else 0.0
            if high - low > max(WIDE, WIDER * usual):
                wide.append((data.client, joint, high - low, usual))
    if wide:
        client, joint, width, usual = max(wide, key=lambda one: one[2])
        yield failed(
            f"joint {joint} of {client} spans {width:.0f}, the others' {usual:.0f}",
            at=client,
            evidence=[point(f"span of joint {joint}", width, name) for name, joint, width, _ in wide[:6]],
            cause="glitches of a sensor, or another unit: the merged normalisation follows the widest",
            remedy="leave out the episodes with the wild values, or convert the units",
            fault=Fault.data_spread,
            confidence=0.9,
        )
    else:
        yield passed("the ranges are of one size")


@check("datasets.decoded")
def decoded(ledger: Ledger) -> Iterator[Finding]:
    """Frames can be read."""
    if not ledger.trainings:
        yield not_available("no client has trained")
    for training in ledger.trainings:
        at = where(training)
        steps = training.steps + training.faults.empty_batches
        asked = steps * (training.batch_size or 0)
        if not asked:
            yield not_available("needs the batch size", at=at)
            continue
        lost = training.faults.undecodable_frames
        evidence = [point("frames that can't be decoded", lost, at, "frames"), point("asked for", asked, at, "frames")]
        if lost / asked > LOST_WARN or training.faults.empty_batches:
            say = failed if lost / asked > LOST_FAIL or training.faults.empty_batches else warned
            yield say(
                f"{lost} of {asked} frames can't be decoded",
                at=at,
                evidence=evidence,
                cause="broken or cut-off videos",
                remedy="record or fetch the data set again, or leave out the episodes that are broken",
                fault=Fault.data_corrupt,
                confidence=0.95,
            )
        else:
            yield passed(f"{lost} of {asked} frames can't be decoded", at=at, evidence=evidence)


def _clients(ledger: Ledger, least: int) -> list[ClientData]:
    found = ledger.opened.clients if ledger.opened else []
    return found if len(found) >= least else []
