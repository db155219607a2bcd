"""One attempt of a step: fill in its arguments, act, run the checks, make the receipt."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from zk0.core.errors import CommandError, ExitStatus, SpecError, Zk0Error
from zk0.core.extras import missing_extra
from zk0.core.git import GitState
from zk0.core.pages import as_text
from zk0.core.portable_paths import to_portable
from zk0.core.project import Project
from zk0.core.receipts import Artifact, Failure, Receipt
from zk0.core.verdicts import Evidence, Finding, Verdict, failed, passed, worst
from zk0.workflow.actions import Context, Inputs, Outputs, Progress
from zk0.workflow.artifacts import artifacts_of, made_paths
from zk0.workflow.clock import Ticks
from zk0.workflow.effects import Effects
from zk0.workflow.events import HandedTask, Selection, StepFinished
from zk0.workflow.expressions import Scope, arguments_as_json, as_json, fill, is_known, templates_in
from zk0.workflow.patterns import argument_texts
from zk0.workflow.plan import PlannedCheck, PlannedStep, validated
from zk0.workflow.products import check_patterns, find_products
from zk0.workflow.program_outputs import VARIABLE, parse_outputs
from zk0.workflow.programs import PROGRAM_CHECK, Command, CommandOutputs
from zk0.workflow.reserved import PROGRAM
from zk0.workflow.run import RunDirectory
from zk0.workflow.scheduler import Scheduler
from zk0.workflow.services import ServiceOutputs, readiness_of
from zk0.workflow.spec import RunStep
from zk0.workflow.timeouts import Deadline, TimeLimit
from zk0.workflow.trace import TRACE, ProgramTrace

BUG = "ZK500"  # the code of a failure that is not a Zk0Error


class AskOutputs(Outputs):
    """The outputs of a step that an agent or a person does.

    Of a person: who they are, whether their answer is `stated` or `signed`, with the fingerprint of the key, and the
    digest of the statement it answers; `answer` and `signature` are the signed text and its signature. Of an agent: the
    files that changed since the handover.
    """

    by: str = ""
    how: str = ""
    reason: str = ""
    key: str = ""
    statement: str = ""
    changed: tuple[str, ...] = ()
    handover: Path
    answer: Path | None = None
    signature: Path | None = None


@dataclass(frozen=True)
class RunContext:
    """What all steps of a run share; `selection` is None if all are performed, and `reuse` off if none is reused."""

    project: Project
    workflow: str
    run: RunDirectory
    seed: int
    code: GitState
    environment: Mapping[str, str]
    scheduler: Scheduler
    selection: Selection | None = None
    reuse: bool = True
    handovers: list[Callable[[], None]] = field(default_factory=list)  # to do when nothing else runs
    for_agent: str = ""  # the step that the project's agent does now


@dataclass
class Attempt:
    """One attempt of a step while it runs; its receipt is made of these values."""

    step: PlannedStep
    number: int
    context: RunContext
    effects: Effects
    deadline: Deadline | None = None
    inputs: Any = field(default_factory=dict)
    outputs: Outputs | None = None
    findings: list[Finding] = field(default_factory=list)
    failure: Failure | None = None
    verdict: Verdict = Verdict.passed
    exit_status: ExitStatus = ExitStatus.done
    started: datetime | None = None
    products: Sequence[Path] = ()
    trace: ProgramTrace | None = None
    ticks: Ticks | None = None
    program: str | None = None
    files: str = ""  # of a step that asks: the digest of the files at the handover, and the statement to approve
    statement: str = ""
    task: HandedTask | None = None

    @property
    def log(self) -> Path:
        """The log of its output."""
        return self.context.run.log(self.step.path, self.number)

    def begin(self) -> None:
        """Note when it began."""
        self.started, self.ticks = self.effects.now(), self.effects.ticks()

    def perform(self, scope: Scope, progress: Progress) -> Receipt:
        """Do the work of the step and run its checks; only an interruption leaves no receipt."""
        self.begin()
        with _capture_errors(self):
            self._act(fill(self.step.arguments, scope), progress)
            made_paths(self.outputs, self.context.run, self.context.project)  # refuses some, before the checks
        return self._after_acting(scope)

    def aggregate(
        self, outputs: Callable[[], Outputs], verdict: Verdict, exit_status: ExitStatus, scope: Scope
    ) -> Receipt:
        """Return the receipt of a step that consists of others; `verdict` is the worst of theirs."""
        self.verdict, self.exit_status = worst([self.verdict, verdict]), max(self.exit_status, exit_status)
        if self.step.each is not None or not self.verdict.stops:  # of a workflow that failed, outputs may have no value
            with _capture_errors(self):
                self.outputs = outputs()
        return self._after_acting(scope) if self.step.each is None else self.finish()

    def _after_acting(self, scope: Scope) -> Receipt:
        if self.outputs is not None and self.failure is None:
            for number, planned in enumerate(self.step.checks, 1):
                with _capture_errors(self, check=planned.check.id):
                    self.findings += self._run_check(number, planned, fill(planned.options, scope))
            if self.trace:
                with _capture_errors(self, check=TRACE):
                    self.findings.append(self.trace.judge(self.effects.dependencies()))
        return self.finish()

    def finish(self, *findings: Finding) -> Receipt:
        """Add findings to those of the checks, and return the receipt."""
        self.findings += findings
        stops = self.failure is not None or any(finding.verdict.stops for finding in self.findings)
        services = self.effects.ended_services(again=stops)
        self.findings += [Finding(verdict=Verdict.warned, message=message, check="services") for message in services]
        if self.exit_status is ExitStatus.done and any(finding.verdict.stops for finding in self.findings):
            self.exit_status = ExitStatus.failed
        self.verdict = worst([self.verdict, *(finding.verdict for finding in self.findings)])
        return self._receipt()

    def refuse(self, error: Zk0Error) -> Receipt:
        """Fail without acting."""
        self.fail(error)
        return self._receipt()

    def fail(self, error: BaseException, check: str = "") -> None:
        """Record the error that ended the action or a check."""
        error = missing_extra(error) or error
        if isinstance(error, Zk0Error):
            failure = Failure(code=error.code, message=error.message, remedy=error.remedy)
            verdict, status = (Verdict.error if check else Verdict.failed), error.exit_status
        else:
            self.effects.append_log(self.log, "".join(traceback.format_exception(error)))
            message = f"{type(error).__name__}: {error}"
            remedy = f"see {self.context.project.shown(self.log)}"
            failure = Failure(code=BUG, message=message, remedy=remedy)
            verdict, status = Verdict.error, ExitStatus.bug
        self.exit_status = max(self.exit_status, status)
        if check:
            self.findings.append(Finding(verdict=verdict, message=failure.message, check=check, remedy=failure.remedy))
        else:
            self.failure, self.verdict = failure, verdict

    def proposals(self) -> tuple[str, ...]:
        """Return the workflows that may repair the failure: those of findings, then the step's own."""
        found = [finding.workflow for finding in self.findings if finding.workflow]
        own = [self.step.proposes] if self.step.proposes and self.verdict.stops else []
        return tuple(dict.fromkeys(found + own))

    def _act(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        self.inputs = arguments_as_json(arguments)
        if self.step.kind == "ask":
            self.outputs = AskOutputs(handover=self.context.run.step(self.step.path) / "handover.md")
            return
        revealed = self.effects.reveal(arguments)
        if not is_known(revealed):
            unknown = ", ".join(str(template) for _, template in templates_in(revealed))
            raise SpecError(f"{self.step.path} begins, and this has no value yet: {unknown}")
        if self.step.action is None:
            self._run(revealed)
            return
        inputs = validated(self.step.action, revealed)
        self.inputs = recorded_inputs(inputs, arguments)
        action_context = Context(
            project=self.context.project,
            run=self.context.run.id,
            step=self.step.path,
            directory=self.context.run.step(self.step.path),
            seed=self.context.seed,
            progress=progress,
        )
        action = self.step.action

        def call() -> Outputs:
            try:
                return self.effects.call(action, inputs, action_context, self.log, self.limit())
            finally:
                with self.context.scheduler.locked():  # what subscribers start in other threads is not the action's
                    self.report_left(self.effects.end_children())

        outputs = self.context.scheduler.run_in_main_thread(call)
        self.outputs = self.effects.mask_secrets(outputs)  # a later step that names no secret may read them

    def limit(self) -> TimeLimit | None:
        """Return the time that the step has from now on: its own timeout, or what is left of an outer one."""
        own = TimeLimit(self.step.timeout) if self.step.timeout and self.step.kind in ("uses", "run") else None
        if self.deadline is None:
            return own
        left = max(0.0, self.deadline.at - self.effects.ticks().seconds)
        return own if own and own.seconds <= left else TimeLimit(left, self.deadline.step)

    def _run(self, arguments: Mapping[str, Any]) -> None:
        file = self.context.run.outputs(self.step.path, self.number)
        self.effects.clear_outputs(file)
        command = self._located(_command(arguments, self.context.project.root, {VARIABLE: str(file)}))
        self.program = command.argv[0] if Path(command.argv[0]).is_absolute() else None  # else there is none
        if self.step.is_service:
            self._serve(command, arguments["ready"])
            return
        reads, makes = (tuple(argument_texts(arguments.get(name, ()))) for name in ("reads", "makes"))
        check_patterns(reads, makes)
        if isinstance(self.step.spec, RunStep) and self.step.spec.trace:
            sees_checks = all(planned.check is PROGRAM_CHECK for planned in self.step.checks)
            self.trace = ProgramTrace(reads, makes, sees_all=sees_checks)
        status = self._run_program(command, self.log)
        self.outputs = base = CommandOutputs(exit_status=status, log=self.log)
        if status:
            name = Path(command.argv[0]).name
            raise CommandError(
                f"{name} ended with exit status {status}", remedy=f"see {self.context.project.shown(self.log)}"
            )
        if isinstance(self.step.spec, RunStep) and self.step.spec.outputs:
            written, root = self.effects.read_outputs(file), self.context.project.root
            self.outputs = self.effects.mask_secrets(parse_outputs(written, self.step.spec, base, command.cwd, root))
        self.products = find_products(makes, self.context.project)

    def _serve(self, command: Command, ready: Mapping[str, Any]) -> None:
        readiness = readiness_of(ready, tuple(argument_texts(ready.get("run", ()))))
        with self.context.scheduler.slot():
            pid = self.effects.serve(self.step.path, replace(command, limit=self.limit()), readiness, self.log)
        self.outputs = ServiceOutputs(pid=pid, log=str(self.log))

    def _run_check(self, number: int, planned: PlannedCheck, options: Mapping[str, Any]) -> list[Finding]:
        """Run a check, or the program that a `run` check names."""
        if planned.check is not PROGRAM_CHECK:
            with self.context.scheduler.interruptible():
                return self.effects.judge(planned.check, self.outputs or Outputs(), options)
        argv = tuple(argument_texts(options["argv"]))
        log = self.context.run.log(f"{self.step.path}.check-{number}", self.number)
        command = self._located(Command(argv, self.context.project.root))
        status = self._run_program(command, log)
        name = " ".join(argv)
        evidence = [Evidence(name="program", value=command.argv[0])]
        finding = passed(f"{name} ended with exit status 0", evidence=evidence)
        if status:
            remedy = f"see {self.context.project.shown(log)}"
            finding = failed(f"{name} ended with exit status {status}", evidence=evidence, remedy=remedy)
        return [finding.model_copy(update={"check": PROGRAM})]

    def _located(self, command: Command) -> Command:
        """Return a command with the absolute path of its program, which a receipt names."""
        path = self.effects.locate(command)
        return command if path is None else replace(command, argv=(str(path), *command.argv[1:]))

    def _run_program(self, command: Command, log: Path) -> int:
        limited = replace(command, limit=self.limit())
        with self.context.scheduler.slot():
            if self.trace is None:
                end = self.effects.start(limited, log)
            else:
                with self.trace.of(limited, log.with_suffix(".trace")) as traced:
                    end = self.effects.start(traced, log)
        self.report_left(end.left)
        return end.status

    def report_left(self, left: Sequence[str]) -> None:
        """Warn of processes that the step left running, which were ended with it."""
        for process in left:
            message = f"the step ended and left this running, which was ended too: {process}"
            remedy = "say service: true if later steps need it, else wait for it"
            finding = Finding(verdict=Verdict.warned, message=message, check="processes", remedy=remedy)
            self.findings.append(finding)

    def ended(self, receipt: Receipt, basis: Mapping[str, str] | None = None, reason: str = "") -> StepFinished:
        """Return the event for the end of the step with this receipt."""
        return StepFinished(receipt, self.exit_status, self.proposals(), dict(basis or {}), reason)

    def _receipt(self) -> Receipt:
        outputs: dict[str, Any] = {}
        artifacts: tuple[Artifact, ...] = ()
        with _capture_errors(self):  # outputs that JSON can't hold, or a file that can't be read
            outputs = self.outputs.model_dump(mode="json") if self.outputs else {}
            artifacts = artifacts_of(self.outputs, self.products, self.context.run, self.context.project)
        now, ticks = self.effects.now(), self.effects.ticks()
        said = {
            "inputs": self.inputs,
            "environment": dict(self.context.environment),
            "outputs": outputs,
            "artifacts": artifacts,
            "findings": tuple(self.findings),
            "failure": self.failure,
            "program": self.program,
        }
        return Receipt(
            run=self.context.run.id,
            workflow=self.context.workflow,
            step=self.step.path,
            title=self.step.title,
            uses=self.step.uses,
            seed=self.context.seed,
            code=self.context.code,
            started=self.started or now,
            finished=now,
            duration=ticks.since(self.ticks or ticks),
            sequence=self.effects.next_number(),
            attempt=self.number,
            verdict=self.verdict,
            **to_portable(said, self.context.project.root),
        )


def recorded_inputs(inputs: Inputs, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action's inputs as its receipt holds them: the name of a secret, not its value."""
    secrets = {name: as_json(value) for name, value in arguments.items() if not is_known(value)}
    return inputs.model_dump(mode="json") | secrets


@contextmanager
def _capture_errors(attempt: Attempt, check: str = "") -> Iterator[None]:
    """Record any error: an action or a check is not the engine's code, and the run must survive it."""
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001  libraries that call sys.exit() in their depths fail too
        attempt.fail(error, check)


def _command(arguments: Mapping[str, Any], root: Path, own: Mapping[str, str]) -> Command:
    cwd = (root / as_text(arguments["cwd"])).resolve()
    if not cwd.is_relative_to(root):
        raise SpecError(f"cwd {cwd} is outside of the project {root}", remedy="name a directory inside the project")
    return Command(
        argv=tuple(argument_texts(arguments["argv"])),
        cwd=cwd,
        env={
            name: value.get_secret_value() if isinstance(value, SecretStr) else as_text(value)
            for name, value in arguments["env"].items()
        }
        | dict(own),
    )
