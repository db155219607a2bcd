"""`zk0 probe`: run code against a contract, on the CPU, in seconds."""

from typing import Annotated

import typer
from rich.text import Text

from zk0.cli.output import JsonOption, columns, print_envelope, show, verdict_text
from zk0.core.errors import ExitStatus
from zk0.core.project import Project
from zk0.core.verdicts import Finding, Verdict, worst
from zk0.probes import Probe, probe, write_adapter

TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="package.module:name, package.module.name or file.py:name.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Count warnings as failures.")]
AdapterOption = Annotated[
    bool, typer.Option("--adapter", help="Write a small file that calls TARGET, to complete where zk0 can't call it.")
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="The code's interpreter, 3.9 or newer with NumPy; default: the project's.",
    ),
]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run code against a contract. The code runs with your permissions."
)


@app.command()
def proximal(
    target: TargetArgument,
    *,
    strict: StrictOption = False,
    adapter: AdapterOption = False,
    python: PythonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a FedProx term, a training step or a client: does its gradient act, and is it mu * (w - w_round)?"""
    _probe(Probe.proximal, target, strict=strict, adapter=adapter, python=python, as_json=as_json)


@app.command()
def aggregation(
    target: TargetArgument,
    *,
    strict: StrictOption = False,
    adapter: AdapterOption = False,
    python: PythonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a Flower strategy or an aggregating function: is the result the mean by number of examples?"""
    _probe(Probe.aggregation, target, strict=strict, adapter=adapter, python=python, as_json=as_json)


@app.command()
def exchange(
    target: TargetArgument,
    *,
    strict: StrictOption = False,
    adapter: AdapterOption = False,
    python: PythonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test functions that get and set a model's parameters: does another model receive what one sends?

    TARGET is a class with both, a module or file with both, or two functions: file.py:get_it,set_it.
    """
    _probe(Probe.exchange, target, strict=strict, adapter=adapter, python=python, as_json=as_json)


def _probe(kind: Probe, target: str, *, strict: bool, adapter: bool, python: str | None, as_json: bool) -> None:
    project = Project.find()
    if adapter:
        _write_adapter(kind, target, project, python, as_json=as_json)
        return
    findings = probe(kind, target, project, strict=strict, python=python)
    verdict = worst(finding.verdict for finding in findings)
    if as_json:
        plain = [finding.model_dump(mode="json") for finding in findings]
        print_envelope(data={"probe": kind, "target": target, "verdict": verdict, "findings": plain})
    else:
        _print(findings, target, verdict)
    raise typer.Exit(ExitStatus.failed if verdict.stops else ExitStatus.done)


def _write_adapter(kind: Probe, target: str, project: Project, python: str | None, *, as_json: bool) -> None:
    written = write_adapter(kind, target, project, python=python)
    file = project.shown(written)
    name = "" if kind is Probe.exchange else ":probe"
    then = f"zk0 probe {kind} {file}{name}"
    if as_json:
        print_envelope(data={"adapter": file, "then": then})
    else:
        is_open = "# <--" in written.read_text(encoding="utf-8")
        todo = "complete the lines marked <--" if is_open else "look whether it calls your code rightly"
        show(f"{file}: {todo}, then", f"next: {then}")


def _print(findings: list[Finding], target: str, verdict: Verdict) -> None:
    table = columns(0, 0, 0)
    printed: set[str] = set()  # one cause may break several points; print it once
    for finding in findings:
        table.add_row(verdict_text(finding.verdict), finding.check.rpartition(".")[2], finding.message)
        if finding.verdict in (Verdict.passed, Verdict.not_applicable, Verdict.not_available):
            continue
        for evidence in finding.evidence:
            table.add_row("", "", Text(f"  {evidence.name} = {evidence.amount}"))
        for arrow, line in (("because", finding.cause), ("→", finding.remedy)):
            if line and line not in printed:
                printed.add(line)
                table.add_row("", "", Text(f"  {arrow} {line}"))
    place = next((finding.at for finding in findings if finding.at), target)
    show(Text(f"{target} ({place})"), table, Text("verdict: ").append(verdict_text(verdict)))
    repairs = dict.fromkeys(finding.workflow for finding in findings if finding.workflow and finding.verdict.stops)
    for workflow in repairs:
        show(f"next: zk0 run {workflow}")
