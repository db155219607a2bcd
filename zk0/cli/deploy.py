"""`zk0 deploy`: a deployment that stays up: who may connect, how it stands, and its end."""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zk0.actions.deployment import LOOPBACK, folder_of, listed_in
from zk0.cli.deploy_admission import NameArgument, OutputOption, deployment_of, site_of
from zk0.cli.deploy_admission import app as admission
from zk0.cli.output import JsonOption, columns, print_envelope, print_result, show, verdict_text
from zk0.core.errors import ExitStatus, UnknownNameError
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.core.verdicts import Finding, worst

if TYPE_CHECKING:  # Flower's client takes 2 s to import, and help must not
    from zk0.federation.deployment.deployment import Deployment

POLL = 0.3  # seconds between two looks at a log

DataOption = Annotated[str, typer.Option(help="Clients on this machine: NAME=SOURCE, `;` between.")]
HostOption = Annotated[str, typer.Option(help="Where the SuperLink listens; 0.0.0.0 for all interfaces.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 for a free one.")]
NamesOption = Annotated[
    list[str] | None, typer.Option("--name", help="Name or address by which other machines reach it; repeatable.")
]
ForegroundOption = Annotated[
    bool, typer.Option("--foreground", help="Stay, and end everything on SIGTERM: for systemd and containers.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Listen beyond this machine without asking.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Look, and change nothing.")]
ForgetOption = Annotated[bool, typer.Option("--forget", help="Remove Flower's database and the logs; keys stay.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run a federation over TLS: server, clients and their keys."
)


app.add_typer(admission)


@app.command()
def up(
    *,
    data: DataOption = "",
    host: HostOption = LOOPBACK,
    port: PortOption = 0,
    names: NamesOption = None,
    yes: YesOption = False,
    foreground: ForegroundOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the SuperLink and the clients of this machine, and prove them by a round that comes back."""
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.programs import begin_again_marked
    from zk0.federation.deployment.supervision import stay, until_asked

    if foreground:
        begin_again_marked(Deployment(folder_of(Project.find())).mark)
    if host != LOOPBACK and not yes:
        typer.confirm(f"Listen on {host}, for clients on other machines?", abort=True)
    if not foreground:
        _bring_up(data, host, port, names, as_json=as_json).leave_running()
        return
    with until_asked():
        stay(_bring_up(data, host, port, names, as_json=as_json), lambda note: typer.echo(note, err=True))


def _bring_up(data: str, host: str, port: int, names: list[str] | None, *, as_json: bool) -> "Deployment":
    from zk0.actions.service import clients_in
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.operations import start, undone_on_failure

    project = Project.find()
    deployment = Deployment(folder_of(project), host, port, tuple(names or ()))
    start(deployment, listed_in(project), clients_in(data), lambda note: typer.echo(note, err=True))
    if deployment.clients:
        typer.echo("sending the canary", err=True)
        with undone_on_failure(deployment):
            deployment.prove(deployment.clients)
    data_out = {"address": deployment.address, "clients": sorted(deployment.clients)}
    print_result(data_out, f"up at {deployment.address}, {len(deployment.clients)} clients connected", as_json=as_json)
    return deployment


@app.command()
def prove(*, as_json: JsonOption = False) -> None:
    """Send the canary through every client here and on the list; fail with the first link that is broken."""
    project = Project.find()
    deployment = deployment_of(project)
    names = (*deployment.clients, *listed_in(project))
    deployment.wait_for(names)
    found = deployment.prove(names)
    text = f"the canary came back from {', '.join(sorted(found.clients))}: {found.sent} became {found.aggregated}"
    print_result(found.model_dump(), text, as_json=as_json)


@app.command()
def status(
    *,
    metrics: Annotated[bool, typer.Option("--metrics", help="Print metrics for Prometheus.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show server, clients, certificates and training; exit status 1 if an alert fires."""
    from zk0.federation.deployment.status import findings_of, metrics_of, status_of

    project = Project.find()
    found = status_of(deployment_of(project), listed_in(project))
    findings = list(findings_of(found))
    if metrics:
        typer.echo(metrics_of(found), nl=False)
    elif as_json:
        alerts = [one.model_dump(mode="json") for one in findings]
        print_envelope(data={**found.model_dump(mode="json"), "findings": alerts})
    else:
        _show(findings)
    raise typer.Exit(ExitStatus.failed if worst(one.verdict for one in findings).stops else ExitStatus.done)


@app.command()
def upgrade(*, check: CheckOption) -> None:  # noqa: ARG001  it says that nothing is changed
    """Name the options in this project's files that the installed Flower refuses or ignores."""
    from zk0.federation.deployment.upgrade import outdated_options

    project = Project.find()
    found = list(outdated_options(project.root, project.tree().files))
    _show(found)
    raise typer.Exit(ExitStatus.failed if worst(one.verdict for one in found).stops else ExitStatus.done)


@app.command()
def logs(
    part: Annotated[str, typer.Argument(help="superlink, or a client on this machine.")] = "superlink",
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing.")] = False,
) -> None:
    """Print what the SuperLink or a client on this machine has logged."""
    project = Project.find()
    path = next((one for one in (deployment_of(project).log(part), site_of(project, part).log) if one.is_file()), None)
    if path is None:
        known = sorted(one.stem for one in deployment_of(project).log(part).parent.glob("*.log"))
        raise UnknownNameError(f"no log of {part}", remedy=f"the logs are {', '.join(known) or 'none yet'}")
    with path.open(encoding="utf-8", errors="replace") as stream:
        while True:
            typer.echo(stream.read(), nl=False)
            if not follow:
                return
            time.sleep(POLL)


@app.command()
def add_client(name: NameArgument, source: Annotated[str, typer.Option("--data", help="Its data set.")]) -> None:
    """Add a client on this machine to a running deployment; no other client is touched."""
    from zk0.federation.configuration import Client
    from zk0.federation.deployment.operations import add_client as add

    project = Project.find()
    deployment = deployment_of(project)
    add(deployment, Client(len(deployment.clients), name, source), listed_in(project))
    deployment.leave_running()
    typer.echo(f"{name} is connected")


@app.command()
def remove_client(name: NameArgument) -> None:
    """Shut a client out at once, and take it off the list in deployment/clients."""
    from zk0.federation.deployment.admission import CLIENTS, remove
    from zk0.federation.deployment.operations import remove_client as shut_out

    project = Project.find()
    deployment, listed = deployment_of(project), listed_in(project)
    if name not in deployment.clients:
        remove(name, project.root / CLIENTS)
    shut_out(deployment, name, listed)
    typer.echo(f"{name} is shut out{'; commit the change' if name in listed else ''}")


@app.command()
def rotate(
    *,
    names: NamesOption = None,
    authority: Annotated[bool, typer.Option("--authority", help="A new authority too; old kits become void.")] = False,
) -> None:
    """Renew the server's certificate; a running SuperLink is restarted, and its clients reconnect."""
    from zk0.federation.deployment.operations import rotate as renew

    deployment = deployment_of(Project.find())
    renew(deployment, names=names or (), whole=authority)
    deployment.leave_running()
    typer.echo("renewed" + ("; send new kits: zk0 deploy kit NAME" if authority else ""))


@app.command()
def down(*, fresh: ForgetOption = False) -> None:
    """End the SuperLink and all clients on this machine."""
    from zk0.federation.deployment.operations import forget, take_down

    deployment = deployment_of(Project.find())
    typer.echo(f"{take_down(deployment)} processes ended")
    if fresh:
        forget(deployment)


@app.command()
def join(
    file: Annotated[Path, typer.Argument(metavar="KIT", help="NAME.kit.json")],
    source: Annotated[str, typer.Option("--data", help="The site's data set: a folder, hub id or sim:TASK.")],
    *,
    foreground: ForegroundOption = False,
) -> None:
    """At a site: check the kit and the server, and connect."""
    from zk0.federation.deployment.admission import Kit, read_message
    from zk0.federation.deployment.programs import begin_again_marked
    from zk0.federation.deployment.site import fingerprint
    from zk0.federation.deployment.supervision import stay_connected, until_asked
    from zk0.federation.sources import absolute_source

    project = Project.find()
    given = read_message(Kit, file)
    site = site_of(project, given.name)
    if foreground:
        begin_again_marked(site.mark)
    with until_asked() if foreground else nullcontext():
        site.accept(given)
        number = site.connect(given, absolute_source(source, project.root))
        typer.echo(f"{given.name} is connected to {given.server}, whose authority is {fingerprint(site.certificate)}")
        if foreground:
            stay_connected(site, number)


@app.command()
def files(
    *,
    output: OutputOption = Path(),
    system: Annotated[bool, typer.Option("--system", help="Units for the system's manager, not the user's.")] = False,
) -> None:
    """Write systemd units, a Compose file and Prometheus's alert rules for what was deployed here."""
    from zk0.federation.deployment.alerts import RULES, alert_rules
    from zk0.federation.deployment.service_files import COMPOSE, render_compose, render_unit, services_of, unit_name

    project = Project.find()
    services = services_of(project.root, folder_of(project), project.state_dir / "sites")
    texts = {unit_name(one, project.root): render_unit(one, project.root, system=system) for one in services}
    texts[COMPOSE] = render_compose(services, project.root)
    texts[RULES] = alert_rules()
    output.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomically(output / name, text)
        typer.echo(output / name)


@app.command()
def leave(name: NameArgument) -> None:
    """At a site: disconnect."""
    typer.echo(f"{site_of(Project.find(), name).leave()} processes ended")


def _show(findings: list[Finding]) -> None:
    table = columns(0, 0, 0)
    for one in findings:
        table.add_row(verdict_text(one.verdict), one.at, Text(one.message))
        if one.remedy:
            table.add_row("", "", Text(f"→ {one.remedy}"))
    show(table)
