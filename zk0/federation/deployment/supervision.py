"""Stay in the foreground, as systemd and containers expect: start again what ends, and end everything on SIGTERM.

`zk0 run` starts again what ends during its training, also from another process. So what is missing gets some time here,
and a client is left to a training that is in progress. `zk0 deploy down` ends this process first.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from zk0.core.errors import DeploymentError
from zk0.federation.deployment.control import is_healthy
from zk0.federation.deployment.deployment import Deployment
from zk0.federation.deployment.operations import take_down
from zk0.federation.deployment.programs import SUPERLINK
from zk0.federation.deployment.site import Site

POLL_SECONDS = 1.0
MISSING_SECONDS = 15.0  # a training starts what it misses within 1 s, and a SuperLink answers 3 to 10 s later
STEADY_SECONDS = 600.0  # a client that ran so long did not end because of how it was started: it gets all starts again


@contextmanager
def until_asked() -> Iterator[None]:
    """Run the block until Ctrl-C, SIGTERM or SIGHUP, which end it without an error."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return


def stay(deployment: Deployment, say: Callable[[str], None]) -> None:
    """Watch a deployment that this process started, start again what ends, and take it down when this is interrupted.

    Raises:
        DeploymentError: the SuperLink ended too often.
    """
    missing: dict[str, float] = {}  # parts that have ended: since when
    started = dict.fromkeys((SUPERLINK, *deployment.clients), time.monotonic())
    try:
        while True:
            time.sleep(POLL_SECONDS)
            for part in _overdue(deployment, missing):
                if time.monotonic() - started[part] > STEADY_SECONDS:
                    deployment.starts[part] = 0
                if part != SUPERLINK and not deployment.may_start(part):
                    continue  # the others go on; `zk0 deploy status` names it
                reason = deployment.reason(part).message
                say(f"{part} ended and is started again{f': {reason}' if reason else ''}")
                deployment.repair(part)
                started[part] = time.monotonic()
    finally:
        take_down(deployment)


def stay_connected(site: Site, number: int) -> None:
    """Wait for a client's SuperNode, the process `number`, and end all its programs when this is interrupted.

    Raises:
        DeploymentError: it ended.
    """
    try:
        psutil.Process(number).wait()
        raise site.refused()
    finally:
        site.leave()


def _overdue(deployment: Deployment, missing: dict[str, float]) -> list[str]:
    """Return the parts that ended and that nothing has started again since; the SuperLink first.

    Only programs that this process started are watched; `missing` is kept up to date.
    """
    ended = {part for part, child in deployment.children.items() if child.poll() is not None}
    now = time.monotonic()
    for part in missing.keys() - ended:
        del missing[part]
    overdue = {part for part in ended if now - missing.setdefault(part, now) > MISSING_SECONDS}
    missing |= dict.fromkeys(overdue, now)  # somebody else may have started it, which is looked at as seldom
    if SUPERLINK in overdue:
        return [SUPERLINK] if is_healthy(deployment.address, deployment.certificate) else []
    return sorted(overdue & _left_out(deployment)) if overdue else []


def _left_out(deployment: Deployment) -> set[str]:
    """Return this machine's clients that are not connected, unless a training takes care of them."""
    try:
        with deployment.control() as control:
            if any(not run.is_finished for run in control.runs()[:1]):
                return set()
            online = {node.name for node in control.nodes() if node.is_online}
    except DeploymentError:
        return set()  # without its SuperLink none is
    known = type(deployment).load(deployment.folder).clients  # without those removed meanwhile
    return set(known) - online
