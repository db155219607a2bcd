"""The program that `zk0.core.worker_pool` starts: it imports what is costly once, and forks a worker for each socket.

Run as `python -m zk0.core.worker CONTROL PARENT MODULE…`: the number of the socket over which it gets those of the
workers, the process that started it, and the modules to import. A worker calls one function after another, each as it
comes over its socket, and sends back what it returned or raised. All of them die with that process, however it ends.
"""

import ctypes
import importlib
import logging
import os
import pickle
import signal
import socket
import sys
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any

from zk0.core.errors import CommandError

SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>

log = logging.getLogger(__name__)


class ReplyKind(StrEnum):
    """What a worker sends."""

    note = "note"
    result = "result"
    error = "error"


_parents: list[Connection] = []  # of this process, if it is a worker


def note(*values: Any) -> None:
    """Tell the pool's owner how far the function is that this worker performs."""
    _parents[-1].send((ReplyKind.note, values))


def serve(parent: Connection) -> None:
    """Perform what is asked, until the socket is closed."""
    _parents.append(parent)
    while True:
        try:
            function, arguments = parent.recv()
        except EOFError:
            return
        try:
            reply = (ReplyKind.result, function(*arguments))
        except Exception as error:  # sent to the pool's owner, which raises it
            log.exception("%s failed", function.__name__)
            reply = (ReplyKind.error, _portable(error))
        parent.send(reply)


def _portable(error: Exception) -> Exception:
    """Return an exception that can be pickled and read back: itself, or one that names it."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    except Exception:  # noqa: BLE001  whatever an exception's constructor needs
        return CommandError(f"{type(error).__name__}: {error}")
    return error


def _die_with(parent: int) -> None:
    """Let the system kill this process when its parent's thread ends; end now if that has happened already."""
    if ctypes.CDLL(None, use_errno=True).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)


def _become_worker(descriptor: int, control: socket.socket, parent: int) -> None:
    """Be a worker in this forked process, and end it."""
    status = 1
    try:
        _die_with(parent)
        control.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        serve(Connection(descriptor))
        status = 0
    except BaseException:
        log.exception("a worker failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(control: int, parent: int, *modules: str) -> None:
    """Import the modules and fork workers, until the control socket is closed."""
    _die_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a worker that ends leaves no zombie
    for module in modules:
        importlib.import_module(module)
    with socket.socket(fileno=control) as listening:
        while True:
            _, descriptors, _, _ = socket.recv_fds(listening, 1, 1)
            if not descriptors:
                return
            me = os.getpid()
            if os.fork() == 0:
                _become_worker(descriptors[0], listening, me)
            os.close(descriptors[0])


if __name__ == "__main__":
    # `note` is called in the module of that name, not in `__main__`.
    importlib.import_module("zk0.core.worker").main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
