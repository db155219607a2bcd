"""`zk0 run`, `zk0 resume` and `zk0 cancel`: perform a workflow, continue a run, or end it."""

import getpass
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from zk0.cli import wiring
from zk0.cli.completion import run_steps, workflow_inputs, workflow_steps
from zk0.cli.options import RunArgument, StepsOption, WorkflowArgument
from zk0.cli.output import JsonOption, print_envelope
from zk0.cli.render_run import print_outcome, state_as_json
from zk0.core.agent_mark import agent_mark
from zk0.core.errors import ExitStatus, InputError, RequestError, SpecError, UnknownNameError
from zk0.core.pages import as_text, visible
from zk0.core.project import Project
from zk0.reports.github import is_active, write_summary
from zk0.reports.github_report import run_summary
from zk0.workflow.approval import ALLOWED_SIGNERS, ApprovalAnswer, names_signers
from zk0.workflow.engine import Outcome
from zk0.workflow.events import StepFinished, StepPlanned, StepSkipped
from zk0.workflow.inputs import coerce, resolve_inputs
from zk0.workflow.loading import Loaded, load
from zk0.workflow.plan import Plan, plan
from zk0.workflow.run import RunDirectory, find_run
from zk0.workflow.spec import InputSpec, WorkflowSpec
from zk0.workflow.state import StepStatus


class SpecChoice(StrEnum):
    """Which workflow file a run goes on with, if not the one it began with."""

    new = "new"


MOST_JOBS = 1000  # each is a thread and a process; more is a typing error
JOBS_HELP = "The most steps and items to run at the same time, where they do not depend on each other."
NOT_RUN = {"skip": "skipped", "take": "not run", "fail": "fails"}

InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="NAME=VALUE", help="Set an input.", autocompletion=workflow_inputs),
]
SeedOption = Annotated[int, typer.Option(min=0, help="The seed of all the run's random numbers.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, max=MOST_JOBS, help=JOBS_HELP)]
FROM_HELP, AGAIN_HELP = "Run only this step and those after it.", "Run this step and those after it again."
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="STEP", help=FROM_HELP, autocompletion=workflow_steps)
]
AgainOption = Annotated[str | None, typer.Option("--from", metavar="STEP", help=AGAIN_HELP, autocompletion=run_steps)]
SPEC_HELP = "Go on with the workflow file as it is now; steps that it changes run again, and those behind them."
SpecOption = Annotated[SpecChoice | None, typer.Option("--spec", help=SPEC_HELP)]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def run(  # noqa: PLR0913  each is an option of the command
    workflow: WorkflowArgument,
    *,
    inputs: InputOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    dry_run: DryRunOption = False,
    only: StepsOption = None,
    since: FromOption = None,
    jobs: JobsOption = 1,
    quiet: QuietOption = False,
) -> None:
    """Run a workflow of this project, by its name or the path of its file."""
    project = Project.find()
    loaded = load(project, workflow)
    given = parse_inputs(inputs or ())
    asked = {} if as_json else ask_for_inputs(loaded.spec, given)
    planned = plan(loaded.spec, resolve_inputs(loaded.spec, given | asked), loaded.library)
    selection = wiring.select(project, planned, only or (), since, seed=seed)
    if dry_run:
        print_dry_run(planned, wiring.dry_run(project, planned, selection), as_json=as_json)
        return
    end_politely()
    outcome = wiring.perform(project, loaded, planned, seed=seed, selection=selection, jobs=jobs, quiet=quiet)
    _print(outcome, as_json=as_json)
    raise typer.Exit(outcome.exit_status)


def resume(
    run: RunArgument,
    *,
    since: AgainOption = None,
    jobs: JobsOption = 1,
    spec: SpecOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Continue a run that waits, failed, or was killed or interrupted; finished steps are not run again."""
    project = Project.find()
    end_politely()
    directory = find_run(project, run)
    new = take_new_spec(project, directory) if spec else None
    if new is None:
        report_changed_file(project, directory)
    answers = {} if as_json or since or new else ask_in_terminal(project, directory)
    outcome = wiring.resume(project, directory, since=since, jobs=jobs, quiet=quiet, answers=answers, new=new)
    _print(outcome, as_json=as_json)
    raise typer.Exit(outcome.exit_status)


def take_new_spec(project: Project, directory: RunDirectory) -> Loaded:
    """Return the workflow file of a run as it is now, for the run to go on with.

    Raises:
        RequestError: this is an agent's terminal, and the run asks an agent or a person: it would judge itself.
        UnknownNameError: there is no such file.
        SpecError: it is not valid.
    """
    state = directory.state()
    if (mark := agent_mark(os.environ)) and wiring.asks_somebody(directory):
        problem = f"{mark} is set, so this terminal is an agent's, and only a person changes what the run asks for"
        raise RequestError(problem, remedy=f"ask a person to run: zk0 resume {state.run} --spec new")
    return load(project, state.workflow)


def report_changed_file(project: Project, directory: RunDirectory) -> None:
    """Say that the workflow file has changed since the run began, which the run does not follow."""
    state = directory.state()
    try:
        changed = wiring.changed_file(project, state)
    except UnknownNameError:
        return
    except SpecError as error:
        typer.echo(f"the workflow file of {state.run} has changed and is not valid: {error.message}", err=True)
        return
    if changed:
        follow = f"to go on with it: zk0 resume {state.run} --spec new"
        typer.echo(f"{project.shown(changed.path)} has changed since the run began; {follow}", err=True)


def cancel(run: RunArgument, *, as_json: JsonOption = False) -> None:
    """Cancel a run; if it is in progress, end it and every process it started."""
    project = Project.find()
    outcome = wiring.cancel(project, find_run(project, run))
    _print(outcome, as_json=as_json)
    raise typer.Exit(ExitStatus.failed if outcome.subscriber_errors else ExitStatus.done)


def end_politely() -> None:
    """Handle SIGTERM, and SIGHUP of a closed terminal, as Ctrl-C: programs are ended, the journal is finished."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup(1)
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def parse_inputs(options: Iterable[str]) -> dict[str, str]:
    """Return the inputs of `-i name=value` options.

    Raises:
        InputError: one is not of this form, or a name is repeated.
    """
    values: dict[str, str] = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InputError(f"an input is given as name=value, not as {text!r}", remedy="-i name=value")
        if name in values:
            problem = f"{name} is given twice: {values[name]!r} and {value!r}"
            raise InputError(problem, remedy=f"""for a list: -i {name}=a,b or -i {name}='["a", "b"]'""")
        values[name] = value
    return values


def ask_for_inputs(spec: WorkflowSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Ask the person in this terminal for each input that must be given and is not; nothing if there is no person."""
    missing = {name: declared for name, declared in spec.inputs.items() if declared.required and name not in given}
    is_wrong = any(name not in spec.inputs for name in given)  # no use in asking before an error
    if is_wrong or not missing or not is_person():
        return {}
    return {name: _ask_for_input(name, declared) for name, declared in missing.items()}


def _ask_for_input(name: str, declared: InputSpec) -> str:
    def fitting(text: str) -> str:
        try:
            coerce(declared, text)
        except ValueError as error:
            raise typer.BadParameter(f"{name} {error}") from error
        return text

    bounds = " | ".join(map(as_text, declared.choices)) or declared.type
    text = f"{name} ({', '.join(filter(None, [bounds, declared.help]))})"
    return str(typer.prompt(text, value_proc=fitting, err=True))


def is_person() -> bool:
    """Return whether a person is in this terminal, as far as that can be told."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not agent_mark(os.environ)


def ask_in_terminal(project: Project, directory: RunDirectory) -> dict[str, ApprovalAnswer]:
    """Ask the person in this terminal about each step that waits for one; return nothing if there is no person."""
    state = directory.state()
    waiting = [step for step in state.steps if step.status is StepStatus.waiting and step.ask == "person"]
    if not waiting or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return {}
    if names_signers(project, state.code.commit):
        typer.echo(f"the project has {ALLOWED_SIGNERS}, so only a signature counts; see the handover", err=True)
        return {}
    if mark := agent_mark(os.environ):
        typer.echo(f"{mark} is set, so this terminal is an agent's: a person must answer in their own", err=True)
        return {}
    files = project.file_snapshot().digest
    answers = {}
    for step in waiting:
        typer.echo(f"{state.run} waits at {step.id}: {step.title}\n  {step.handover}", err=True)
        if step.files != files:
            typer.echo("  files changed since the question was asked, so it is asked again", err=True)
            continue
        typer.echo(f"\n{step.statement}", err=True)
        text = typer.prompt(
            "approve? yes, no and a reason, or Enter for later", default="", show_default=False, err=True
        )
        if answer := _parse_answer(text.strip(), step.statement):
            answers[step.id] = answer
    return answers


def _parse_answer(text: str, statement: str) -> ApprovalAnswer | None:
    word, _, reason = text.partition(" ")
    is_yes, is_no = word.lower() == "yes", word.lower().rstrip(",:;") == "no" and bool(reason.strip())
    if not (is_yes or is_no):
        return None
    return ApprovalAnswer(is_yes, getpass.getuser(), "stated", statement, "" if is_yes else reason.strip())


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if is_active():
        write_summary(run_summary(outcome.state))
    if as_json:
        print_envelope(data=state_as_json(outcome.state, outcome.directory, complaints=outcome.subscriber_errors))
    else:
        print_outcome(outcome)


def print_dry_run(planned: Plan, events: list[wiring.DryRunEvent], *, as_json: bool) -> None:
    """Print each step with what it would do, or why it would not run."""
    steps = [_step_as_json(event) for event in events]
    if as_json:
        data = {"dry_run": True, "workflow": planned.spec.name, "inputs": planned.inputs_as_json(), "steps": steps}
        print_envelope(data=data)
        return
    # Not a table of Rich's, which takes seconds for thousands of steps.
    first, second = len(str(len(steps))), max((len(step["id"]) for step in steps), default=0)
    lines = [f"{planned.spec.name}: {len(steps)} steps; nothing is done"]
    for number, step in enumerate(steps, 1):
        lines.append(f"{number:<{first}}  {step['id']:<{second}}  {step['title']}")
        lines += [f"{'':{first + second + 4}}  {name}: {value}" for name, value in _facts(step)]
    typer.echo("\n".join(map(visible, lines)))


def _step_as_json(event: wiring.DryRunEvent) -> dict[str, Any]:
    match event:
        case StepPlanned():
            return {"would": "run", **event.plan}
        case StepFinished(receipt=receipt) if receipt.failure:
            return {"would": "fail", "id": receipt.step, "title": receipt.title, "reason": receipt.failure.message}
        case StepFinished(receipt=receipt):
            return {"would": "take", "id": receipt.step, "title": receipt.title, "reason": event.reason}
        case StepSkipped():
            return {"would": "skip", "id": event.step, "title": event.title, "reason": event.reason}


def _facts(step: dict[str, Any]) -> list[tuple[str, str]]:
    if step["would"] != "run":
        return [(NOT_RUN[step["would"]], step["reason"])]
    arguments = [f"{name}={_shown(value)}" for name, value in step["with"].items() if value not in (None, {}, ".")]
    if step["uses"] == "run":
        words = (word for part in step["with"]["argv"] for word in (part if isinstance(part, list) else [part]))
        arguments[0] = " ".join(_shown(word, shlex.quote) for word in words)
    facts = [
        ("only if", "" if step["when"] is True else str(step["when"])),
        (step["uses"], ", ".join(arguments) or "no arguments"),
        ("changes", ", ".join(step["changes"])),
        ("checks", ", ".join(check["id"] for check in step["checks"])),
        ("timeout", f"{step['timeout']:g} s" if "timeout" in step else ""),
        ("if it fails", f"run {step['on_fail']['run']}, then retry once" if "on_fail" in step else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _shown(value: object, quote: Callable[[str], str] = str) -> str:
    """Return a value as text: an expression, which is not known yet, without quotes."""
    match value:
        case {"expression": str(source), **others} if not others:
            return source
        case dict():
            return "{" + ", ".join(f"{name}: {_shown(inner, shlex.quote)}" for name, inner in value.items()) + "}"
    return quote(str(value))
