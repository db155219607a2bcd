"""All errors that a user can act on: a code to search for, what is wrong and where, and the command that helps.

    Zk0Error
    ├── RequestError       exit 2   the request, a file or a data set is wrong
    │   ├── UnknownNameError        ZK201
    │   ├── SpecError               ZK202   a workflow file, with line numbers
    │   ├── InputError              ZK203   a workflow input
    │   ├── ConfigurationError      ZK204   a run configuration
    │   ├── DatasetError            ZK205   a LeRobot data set
    │   ├── PolicyError             ZK206   a policy or a checkpoint
    │   ├── LedgerError             ZK207   a ledger file
    │   ├── JournalError            ZK208   a run's journal
    │   ├── RunBusyError            ZK209   a run that another process executes
    │   ├── RepairError             ZK211   a git repository in a state that allows no repair
    │   ├── ProbeError              ZK215   code that can't be found or called
    │   ├── CertificateError        ZK216   a certificate or key of a deployment
    │   ├── StaleReadError          ZK221   a write to the memory bank based on outdated entries
    │   └── SecretError             ZK222   a secret in something to be written
    ├── MissingError       exit 4   something needed is missing
    │   ├── DependencyMissingError  ZK401
    │   ├── RenderingError          ZK402
    │   ├── AssetMissingError       ZK403   weights or data
    │   ├── StorageError            ZK404   disk space, or permission to write
    │   └── SecretMissingError      ZK405   a secret that a workflow names
    └── FailedError        exit 1   the work failed
        ├── TrainingError           ZK101
        ├── RoundFailedError        ZK102
        ├── RecordingError          ZK103
        ├── CommandError            ZK104   a program that a step ran
        ├── TimeLimitError          ZK105   a step that did not end in time
        ├── DeploymentError         ZK107   a link of a deployment is broken
        └── PublishingError         ZK110   the hub can't be reached, or refuses

Anything else that escapes is a bug of ours: exit 5.
"""

from enum import IntEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """The exit status of the process."""

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
        remedy: the command or the edit that helps; None if there is none.
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
    """The request can't be carried out as written."""

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
    """Another process executes this run."""

    code = "ZK209"


class RepairError(RequestError):
    """The git repository is in a state in which a repair can't begin or continue."""

    code = "ZK211"


class ProbeError(RequestError):
    """The code to probe can't be found, or can't be called with the arguments that zk0 has."""

    code = "ZK215"


class CertificateError(RequestError):
    """A certificate or key can't be used: expired, of another host, readable by others, or not there."""

    code = "ZK216"


class StaleReadError(RequestError):
    """The memory bank has changed since it was read, so the write would lose something."""

    code = "ZK221"


class SecretError(RequestError):
    """The text to be written contains a secret."""

    code = "ZK222"


class MissingError(Zk0Error):
    """Something needed is missing on this machine."""

    code = "ZK400"
    exit_status = ExitStatus.missing


class DependencyMissingError(MissingError):
    """A Python package is not installed."""

    code = "ZK401"


class RenderingError(MissingError):
    """MuJoCo can't render without a screen here."""

    code = "ZK402"


class AssetMissingError(MissingError):
    """Weights or data are not on this machine and can't be downloaded."""

    code = "ZK403"


class StorageError(MissingError):
    """A record can't be written: the disk is full or the directory is not writable."""

    code = "ZK404"


class SecretMissingError(MissingError):
    """A secret that a workflow names is not in the environment."""

    code = "ZK405"


class FailedError(Zk0Error):
    """The work was tried and failed."""

    code = "ZK100"
    exit_status = ExitStatus.failed


class TrainingError(FailedError):
    """Local training can't continue: too many faults, or no batch."""

    code = "ZK101"


class RoundFailedError(FailedError):
    """A federated round ended without a valid reply."""

    code = "ZK102"


class RecordingError(FailedError):
    """Demonstrations could not be recorded."""

    code = "ZK103"


class CommandError(FailedError):
    """A program that a step ran failed."""

    code = "ZK104"


class TimeLimitError(FailedError):
    """A step exceeded its timeout, or that of the step it belongs to."""

    code = "ZK105"


class DeploymentError(FailedError):
    """A link of a deployment is broken: a program ended, a client does not connect, a round does not come back."""

    code = "ZK107"


class PublishingError(FailedError):
    """A policy could not be published."""

    code = "ZK110"
