"""Another distribution's actions and checks, found by entry point: the tests' own verbs."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, SecretStr

from zk0.core.checks import check
from zk0.core.errors import DatasetError, DependencyMissingError, LedgerError, TrainingError
from zk0.core.project import Project
from zk0.core.verdicts import Finding, Verdict
from zk0.workflow.actions import Context, Inputs, Outputs, action


class NoteInputs(Inputs):
    text: str
    number: int = Field(1, ge=0)
    folder: Path | None = None
    tags: tuple[str, ...] = ()

    def preflight(self, project: Project) -> None:
        if self.text == "refused":
            raise DatasetError(f"{project.root.name} is not ready", remedy="make it ready")


class NoteOutputs(Outputs):
    file: Path
    length: int
    copies: dict[str, Path]
    table: list[list[str]]


@action("trial.note", changes=("notes",))
def note(inputs: NoteInputs, context: Context) -> NoteOutputs:
    """Write a text into a file."""
    file = context.directory / "note.txt"
    file.write_text(inputs.text * inputs.number)
    context.progress(1, 2, "written")
    (context.directory / "copy").mkdir(exist_ok=True)
    (context.directory / "copy" / "note.txt").write_text(inputs.text)
    context.progress(2, 2)
    copies = {"first": context.directory / "copy", "absent": context.directory / "absent"}
    return NoteOutputs(
        file=file,
        length=len(inputs.text),
        copies=copies,
        table=[["word", "length"], [inputs.text, str(len(inputs.text))]],
    )


class Nothing(Inputs):
    pass


class Empty(Outputs):
    pass


class FailInputs(Inputs):
    how: str = "training"
    times: int = 1_000_000


class CountOutputs(Outputs):
    tries: int
    value: float = 0.0


@action("trial.fail")
def fail(inputs: FailInputs, context: Context) -> CountOutputs:
    """Fail, in one of many ways, the first so many times."""
    tally = context.directory / "tally"
    tries = int(tally.read_text()) + 1 if tally.exists() else 1
    tally.write_text(str(tries))
    if tries > inputs.times:
        return CountOutputs(tries=tries)
    match inputs.how:
        case "training":
            raise TrainingError("no batch to be had", remedy="give more data")
        case "missing":
            raise DependencyMissingError("there is no mujoco", remedy="pip install mujoco")
        case "exit":
            sys.exit(3)
        case "interrupt":
            raise KeyboardInterrupt
    raise RuntimeError("unheard of")


@action("trial.talk")
def talk(inputs: Nothing, context: Context) -> Empty:
    """Print, from Python and from below it."""
    sys.stdout.write("words from Python\n")
    sys.stderr.write("errors from Python\n")
    sys.stdout.flush()
    os.write(1, b"words from below\n")
    return Empty()


class NameInputs(Inputs):
    path: Path


class NameOutputs(Outputs):
    path: Path


@action("trial.name")
def name(inputs: NameInputs, context: Context) -> NameOutputs:
    """Give out a path as the step's output."""
    return NameOutputs(path=inputs.path)


@action("trial.leave")
def leave(inputs: Nothing, context: Context) -> Empty:
    """Start a program that leaves a process running, and one that leaves none."""
    subprocess.run(["sh", "leave.sh"], cwd=context.project.root, start_new_session=True, check=True)
    subprocess.run(["true"], check=True)
    return Empty()


class WitnessOutputs(Outputs):
    main: bool
    others: int


_inside: list[str] = []


@action("trial.witness")
def witness(inputs: Nothing, context: Context) -> WitnessOutputs:
    """Wait for what a program beside it makes, and tell who else is in here."""
    others = len(_inside)
    _inside.append(context.step)
    os.write(1, f"{context.step}\n".encode())
    deadline = time.monotonic() + 20
    while not (context.project.root / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    _inside.remove(context.step)
    return WitnessOutputs(main=threading.current_thread() is threading.main_thread(), others=others)


class TellInputs(Inputs):
    token: SecretStr | None = None
    long: SecretStr | None = Field(None, min_length=40)
    how: str = "print"


class TellOutputs(Outputs):
    told: str


@action("trial.tell")
def tell(inputs: TellInputs, context: Context) -> TellOutputs:
    """Tell a secret, in one of many ways."""
    value = inputs.token.get_secret_value() if inputs.token else "nothing"
    os.write(1, f"{value}\n".encode())
    context.progress(1, 1, value)
    if inputs.how == "error":
        raise TrainingError(f"{value} was refused", remedy=f"ask for another than {value}")
    if inputs.how == "bug":
        raise RuntimeError(f"unheard of: {value}")
    return TellOutputs(told=value)


class SleepInputs(Inputs):
    seconds: float


@action("trial.sleep")
def sleep(inputs: SleepInputs, context: Context) -> Empty:
    """Sleep."""
    time.sleep(inputs.seconds)
    return Empty()


@action("trial.stubborn")
def stubborn(inputs: SleepInputs, context: Context) -> Empty:
    """Sleep, and let no exception keep it from that."""
    deadline = time.monotonic() + inputs.seconds
    while time.monotonic() < deadline:
        try:
            time.sleep(deadline - time.monotonic())
        except Exception:  # noqa: BLE001  that is what it is for
            continue
    return Empty()


class SeedOutputs(Outputs):
    seed: int
    strange: object = None


@action("trial.seed")
def seed(inputs: Nothing, context: Context) -> SeedOutputs:
    """Give the seed back."""
    return SeedOutputs(seed=context.seed)


@action("trial.strange")
def strange(inputs: Nothing, context: Context) -> SeedOutputs:
    """Give something that no JSON can hold."""
    return SeedOutputs(seed=1, strange=object())


@check("trial.length")
def length(outputs: NoteOutputs, *, minimum: int = 1) -> Iterator[Finding]:
    """The note is long enough."""
    verdict = Verdict.passed if outputs.length >= minimum else Verdict.failed
    yield Finding(verdict=verdict, message=f"{outputs.length} characters", workflow="note-repair", remedy="write more")


@check("trial.say")
def say(outputs: Outputs, *, verdict: Verdict) -> Iterator[Finding]:
    """Say what it is told to."""
    yield Finding(verdict=verdict, message=f"told to say {verdict}")


@check("trial.repeat")
def repeat(outputs: TellOutputs) -> Iterator[Finding]:
    """Say what was told."""
    yield Finding(verdict=Verdict.passed, message=outputs.told)


@check("trial.crash")
def crash(outputs: Outputs) -> Iterator[Finding]:
    """Break."""
    raise ZeroDivisionError("in the check")
    yield


@check("trial.unread")
def unread(outputs: Outputs) -> Iterator[Finding]:
    """Can't read its evidence."""
    raise LedgerError("the ledger is torn", remedy="run again")
    yield
