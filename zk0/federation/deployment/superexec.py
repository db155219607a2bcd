"""Flower's SuperExec for clients, as a process that stays warm: ClientApps are forked from it, with LeRobot imported.

Flower starts a process for each message, and LeRobot's import takes 13 s in each. Here it is imported once, after the
first ClientApp (the canary needs none, and should not wait), and each later one begins with it. Nothing else is kept:
a ClientApp still builds its policy and draws its random numbers from the run's seed, so its result is the same.

Run as `python -m zk0.federation.deployment.superexec`, with the options of `flower-superexec`; the environment variable
ZK0_PRELOAD names the module to import.
"""

import importlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from flwr.supercore.cli import flower_superexec
from flwr.supercore.exit import exit_handler
from flwr.supercore.superexec.executor import subprocess_executor as flower

from zk0.federation.deployment.programs import PRELOAD
from zk0.federation.polling import retry_soon

CLIENT_APP = "flwr-clientapp"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD)

log = logging.getLogger("flwr")


waiting = [os.environ.get(PRELOAD, "")]  # the module that is not imported yet; emptied when it is
forked: list[int] = []


def warm_up(_executor: flower.SubprocessExecutor) -> None:
    """Import what is to be warm, once a ClientApp was forked; Flower calls this between two questions for work."""
    module = waiting.pop() if forked and waiting else ""
    if not module:
        return
    try:
        importlib.import_module(module)
    except Exception:  # the ClientApp will fail in the same way, and say so to the server
        log.exception("%s can't be imported; ClientApps start cold", module)


def start(argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes] | None":
    """Start a program of Flower's; a ClientApp is forked."""
    if argv[0] != CLIENT_APP:
        return subprocess.Popen(argv, **options)  # noqa: S603  Flower's own argv
    sys.stdout.flush()
    sys.stderr.flush()
    forked.append(os.fork())
    if not forked[-1]:
        _become_client_app(argv)
    return None


def _become_client_app(argv: Sequence[str]) -> None:
    """Run a ClientApp in this forked process, and end it."""
    from flwr.supernode.cli import flwr_clientapp

    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    exit_handler.registered_exit_handlers.clear()  # they close what belongs to the parent
    sys.argv = list(argv)
    status = 1
    try:
        flwr_clientapp()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        log.exception("the ClientApp failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Run the SuperExec."""
    # NVML says whether there is a GPU without initialising CUDA, which could not be used in a forked process.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a ClientApp that ends leaves no zombie
    flower.subprocess = SimpleNamespace(Popen=start, DEVNULL=subprocess.DEVNULL)  # type: ignore[assignment,attr-defined]
    flower.SubprocessExecutor.reconcile = warm_up  # type: ignore[method-assign,assignment]
    retry_soon()
    flower_superexec()


if __name__ == "__main__":
    main()
