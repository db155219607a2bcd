"""Diagnose runs and logs in a workflow, and conclude with a probe what is wrong in the code."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from zk0.actions.findings import FoundOutputs, summarize_findings
from zk0.core.app_subject import declares_own
from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.project import Project
from zk0.core.verdicts import Evidence, Finding, Verdict, failed, not_available, passed, warned
from zk0.diagnostics.diagnosis import conclude, diagnose, diagnostics
from zk0.diagnostics.flow import FLOW_HEAD, flow_rows
from zk0.ledger import Training
from zk0.ledger.importers import ImportedLedger, import_ledgers
from zk0.workflow.actions import Context, Inputs, Outputs, action
from zk0.workflow.run import find_run, run_directories

FLOW_FAMILIES = ("rounds", "parameters", "aggregation", "incidents")
# Which part of the code a fault of the term is in: what it computes, or when and of what.
FORMULA = (Fault.proximal_formula, Fault.proximal_pairing, Fault.proximal_frozen)


class ExamineInputs(Inputs):
    """Logs, ledgers, folders of them, or ids of runs; none: the newest earlier run with a ledger."""

    logs: list[str | Path] = Field([])
    only: list[str] = Field([], description="ids of diagnostics; none: all")


class DiagnosisOutputs(FoundOutputs):
    """What the diagnostics found, with what they looked at; `table` shows the numbers behind it."""

    looked_at: list[str]


class ExamineOutputs(DiagnosisOutputs):
    """What every diagnostic found; `table` are the findings."""

    not_understood: int = Field(description="lines, rows and records")


@action("diagnosis.examine")
def examine(inputs: ExamineInputs, context: Context) -> ExamineOutputs:
    """Say what is wrong with runs or logs, the root cause first."""
    imported = _imported(inputs.logs, context)
    findings = _found(imported, inputs.only) or [not_available("no earlier run, and no log was given")]
    return ExamineOutputs(
        **summarize_findings(findings),
        looked_at=[_shown(one, context.project) for one in imported],
        not_understood=sum(one.unknown for one in imported),
    )


@action("diagnosis.series")
def series(inputs: ExamineInputs, context: Context) -> DiagnosisOutputs:
    """Analyse the proximal and the adjusted loss of each client's rounds, and say what they show of the term."""
    imported = _imported(inputs.logs, context)
    rows = [_row(training) for one in imported for training in one.ledger.trainings]
    head = ["client", "round", "steps", "policy loss", "proximal loss", "total loss", "mu"]
    only = inputs.only or _of("loss", "proximal")
    return _with_table(imported, only, [head, *rows], "no training was found in a run or log", context)


@action("diagnosis.flow")
def flow(inputs: ExamineInputs, context: Context) -> DiagnosisOutputs:
    """Follow the parameters by digest and norm: sent to fit, returned, sent to evaluate, sent to the next fit."""
    imported = _imported(inputs.logs, context)
    rows = [row for one in imported for row in flow_rows(one.ledger)]
    only = inputs.only or _of(*FLOW_FAMILIES)
    return _with_table(imported, only, [list(FLOW_HEAD), *rows], "no round was found in a run or log", context)


def _with_table(
    imported: list[ImportedLedger], only: list[str], table: list[list[str]], nothing: str, context: Context
) -> DiagnosisOutputs:
    """Return what these diagnostics find, with a table; only `nothing` where that has a head alone."""
    empty = len(table) == 1
    findings = [not_available(nothing)] if empty else _found(imported, only)
    fields = summarize_findings(findings) | {"table": [] if empty else table}
    return DiagnosisOutputs(**fields, looked_at=[_shown(one, context.project) for one in imported])


class ConcludeInputs(Inputs):
    """What the logs and the probe of the code said, and for which workflow."""

    workflow: str
    target: str
    logged: list[Finding] = Field([])
    probed: list[Finding]


class ConcludeOutputs(Outputs):
    """Where the fault is, if there is one.

    `place` is `nowhere`, `code` (the probe found it) or `elsewhere` (the logs show it, and the code that was probed
    does not have it). `formula` and `timing` say which part of the term is to be corrected.
    """

    place: Literal["nowhere", "code", "elsewhere", "unknown"]
    faults: list[str]
    formula: bool
    timing: bool
    summary: str
    reasons: list[str]


@action("diagnosis.conclude")
def conclude_diagnosis(inputs: ConcludeInputs, context: Context) -> ConcludeOutputs:
    """Put together what the logs show and what the code does."""
    probed = _in_order_of_points(_broken(conclude(inputs.probed).problems), inputs.probed)
    logged = [one for one in _broken(inputs.logged) if one.workflow == inputs.workflow]
    faults = list(dict.fromkeys(str(one.fault) for one in (*probed, *logged)))
    tested = any(one.verdict in (Verdict.passed, Verdict.warned) for one in inputs.probed)
    if probed:
        place, summary = "code", f"{inputs.target}: {probed[0].message}"
    elif logged:
        place = "elsewhere"
        summary = f"the log shows {faults[0]}, and {inputs.target} does not have it: {logged[0].message}"
    elif not tested:
        place, summary = "unknown", "no code was tested, and no log shows a fault"
    else:
        place, summary = "nowhere", f"nothing is wrong: {inputs.target} keeps its contract"
    return ConcludeOutputs(
        place=place,
        faults=faults,
        formula=any(one.fault in FORMULA for one in probed),
        timing=any(one.fault not in FORMULA for one in probed),
        summary=summary,
        reasons=[f"{one.fault}, at {one.at or inputs.target}: {one.message}" for one in probed],
    )


@check("diagnosis.cause")
def cause(outputs: ConcludeOutputs) -> Iterator[Finding]:
    """Nothing is wrong, or it is known where."""
    evidence = [Evidence(name="fault", value=fault) for fault in outputs.faults]
    match outputs.place:
        case "nowhere":
            yield passed(outputs.summary)
        case "code":
            yield warned(outputs.summary, evidence=evidence, remedy="the next steps have it repaired")
        case "elsewhere":
            yield failed(
                outputs.summary,
                evidence=evidence,
                cause="the log was made by other code, or by an earlier version of this one",
                remedy="give target: the code that made the log; or logs: those of a run of this code",
            )
        case "unknown":
            yield failed(
                outputs.summary,
                remedy="give target: -i target=file.py:name; zk0 show latest says what the probe lacked",
            )


def _found(imported: Sequence[ImportedLedger], only: list[str]) -> list[Finding]:
    diagnoses = [diagnose(one.ledger, only=only) for one in imported]
    return [finding for one in diagnoses for finding in (*one.findings, *one.unanswered)]


def _of(*families: str) -> list[str]:
    """Return the diagnostics of these families."""
    return [name for name in diagnostics() if name.partition(".")[0] in families]


def _in_order_of_points(found: list[Finding], probed: Sequence[Finding]) -> list[Finding]:
    """Return findings fault by fault, of each what the contract asks first: that says most."""
    faults = list(dict.fromkeys(one.fault for one in found))
    points = {one.check: number for number, one in reversed(list(enumerate(probed)))}
    return sorted(found, key=lambda one: (faults.index(one.fault), points.get(one.check, 0)))


def _broken(findings: Sequence[Finding]) -> list[Finding]:
    """Return what is wrong for sure, and named; a warning is no reason to change somebody's code."""
    return [one for one in findings if one.fault and one.verdict.stops]


def _imported(logs: Sequence[str | Path], context: Context) -> list[ImportedLedger]:
    paths = [_path(given, context) for given in logs] if logs else _newest(context)
    return import_ledgers(paths) if paths else []


def _path(given: str | Path, context: Context) -> Path:
    """Return a file or folder as it is, else the folder of the run of that id."""
    path = context.project.path(given)
    is_path = path.exists() or path.suffix or "/" in str(given)
    return path if is_path else find_run(context.project, str(given)).path


def _newest(context: Context) -> list[Path]:
    """Return the ledgers of the newest other run of the project's app that wrote one of a federation."""
    name = "app" if declares_own(context.project) else "federation"
    others = (run.path for run in run_directories(context.project) if run.id != context.run)
    return next(filter(None, (sorted(path.rglob(f"{name}/ledger.jsonl")) for path in others)), [])


def _shown(one: ImportedLedger, project: Project) -> str:
    return f"{project.shown(one.ledger.source)} ({', '.join(one.formats)})"


def _row(training: Training) -> list[str]:
    def ends(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{known[0]:.4g} → {known[-1]:.4g}" if known else "not logged"

    mu = training.settings.get("proximal-mu")
    return [
        training.client,
        str(training.round),
        str(training.steps),
        *(ends(values) for values in (training.policy_loss, training.proximal_loss, training.total_loss)),
        "not logged" if mu is None else str(mu),
    ]
