"""One tree of errors: a number to search for, what is wrong and where, and the command that helps.

    Zk0Error
    ├── RequestError       exit 2   the request, a file or a data set is wrong
    │   ├── UnknownNameError        ZK201
    │   ├── SpecError               ZK202   a workflow file, with line numbers
    │   ├── InputError              ZK203   a workflow input
    │   ├── ConfigurationError      ZK204   a run configuration
    │   ├── DatasetError            ZK205   a LeRobot data set
    │   ├── PolicyError             ZK206   a policy or a checkpoint
    │   ├── LedgerError             ZK207   a ledger file
    │   ├── JournalError            ZK208   the journal of a run
    │   ├── RunBusyError            ZK209   a run that another engine performs
    │   ├── RepairError             ZK211   a git repository that a repair can't work in
    │   ├── ProbeError              ZK215   code that can't be found or called
    │   ├── StaleReadError          ZK221   a write to the memory bank that rests on what is no longer so
    │   └── SecretError             ZK222   a secret where none may be written
    ├── MissingError       exit 4   something needed is not there
    │   ├── DependencyMissingError  ZK401
    │   ├── RenderingError          ZK402
    │   ├── AssetMissingError       ZK403   weights or data of a hub or a folder
    │   ├── StorageError            ZK404   room on the disk, or the right to write there
    │   └── SecretMissingError      ZK405   a secret that a workflow names
    └── FailedError        exit 1   the work was tried and failed
        ├── TrainingError           ZK101
        ├── RoundFailedError        ZK102
        ├── RecordingError          ZK103
        ├── CommandError            ZK104   a program a step ran
        └── TimeLimitError          ZK105   a step that did not end in time

Anything else that escapes is a bug of ours: exit 5.
"""

from enum import IntEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """What the process tells its caller."""

    done = 0
    failed = 1
    wrong_request = 2
    waiting = 3
    missing = 4
    bug = 5
    interrupted = 130


class Zk0Error(Exception):
    """An error a user can act on.

    Args:
        message: what is wrong, and where.
        remedy: the command or the edit that helps; None where there is none to name.
    """

    code: ClassVar[str]
    exit_status: ClassVar[ExitStatus]

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        # Ray and multiprocessing pickle exceptions; the default drops keyword arguments.
        return (_rebuild, (type(self), self.message, self.remedy))


def _rebuild(kind: type[Zk0Error], message: str, remedy: str | None) -> Zk0Error:
    return kind(message, remedy=remedy)


class RequestError(Zk0Error):
    """What was asked for can't be done as written."""

    code = "ZK200"
    exit_status = ExitStatus.wrong_request


class UnknownNameError(RequestError):
    """No workflow, run, step, action or check has this name."""

    code = "ZK201"


class SpecError(RequestError):
    """A workflow file is not valid; the message lists every problem with its line."""

    code = "ZK202"


class InputError(RequestError):
    """A workflow input is unknown, of the wrong type or out of bounds."""

    code = "ZK203"


class ConfigurationError(RequestError):
    """A run configuration holds an unknown key or a bad value."""

    code = "ZK204"


class DatasetError(RequestError):
    """A data set can't be trained on as it is."""

    code = "ZK205"


class PolicyError(RequestError):
    """A policy or checkpoint can't be built, loaded or exchanged."""

    code = "ZK206"


class LedgerError(RequestError):
    """A ledger can't be read."""

    code = "ZK207"


class JournalError(RequestError):
    """The journal of a run can't be read."""

    code = "ZK208"


class RunBusyError(RequestError):
    """Another engine performs this run."""

    code = "ZK209"


class RepairError(RequestError):
    """The state of the git repository does not allow a repair to begin, or to go on."""

    code = "ZK211"


class ProbeError(RequestError):
    """The code to probe can't be found, or not be called with what zk0 has to give."""

    code = "ZK215"


class StaleReadError(RequestError):
    """What was to be written rests on a state of the memory bank that has changed since it was read."""

    code = "ZK221"


class SecretError(RequestError):
    """What was to be written holds a secret."""

    code = "ZK222"


class MissingError(Zk0Error):
    """Something needed is not on this machine."""

    code = "ZK400"
    exit_status = ExitStatus.missing


class DependencyMissingError(MissingError):
    """A Python package is not installed."""

    code = "ZK401"


class RenderingError(MissingError):
    """MuJoCo finds no way to render without a screen."""

    code = "ZK402"


class AssetMissingError(MissingError):
    """Weights or data are neither here nor to be had without a network."""

    code = "ZK403"


class StorageError(MissingError):
    """What happened can't be written down: the disk is full or the directory is not ours to write to."""

    code = "ZK404"


class SecretMissingError(MissingError):
    """A secret that a workflow names is not in the environment."""

    code = "ZK405"


class FailedError(Zk0Error):
    """The work was tried and did not succeed."""

    code = "ZK100"
    exit_status = ExitStatus.failed


class TrainingError(FailedError):
    """Local training can't go on: too many faults, or no batch to be had."""

    code = "ZK101"


class RoundFailedError(FailedError):
    """A federated round ended without a valid reply."""

    code = "ZK102"


class RecordingError(FailedError):
    """Demonstrations could not be recorded."""

    code = "ZK103"


class CommandError(FailedError):
    """A program that a step ran said that it failed."""

    code = "ZK104"


class TimeLimitError(FailedError):
    """A step did not end within its timeout, or within that of the step it is part of."""

    code = "ZK105"
