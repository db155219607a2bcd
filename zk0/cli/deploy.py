"""`zk0 deploy`: a deployment that stays up: who may connect, how it stands, and its end."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from zk0.actions.deployment import LOOPBACK, folder_of, listed_in
from zk0.cli.output import JsonOption, columns, print_envelope, print_result, show, verdict_text
from zk0.core.errors import ExitStatus, UnknownNameError
from zk0.core.project import Project
from zk0.core.verdicts import Finding, worst

if TYPE_CHECKING:  # Flower's client takes 2 s to import, and help must not
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.site import Site

POLL = 0.3  # seconds between two looks at a log

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The client's name.")]
DataOption = Annotated[str, typer.Option(help="Clients on this machine: NAME=SOURCE, `;` between.")]
HostOption = Annotated[str, typer.Option(help="Where the SuperLink listens; 0.0.0.0 for all interfaces.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 for a free one.")]
NamesOption = Annotated[
    list[str] | None, typer.Option("--name", help="Name or address by which other machines reach it; repeatable.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Listen beyond this machine without asking.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Look, and change nothing.")]
ForgetOption = Annotated[bool, typer.Option("--forget", help="Remove Flower's database and the logs; keys stay.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run a federation over TLS: server, clients and their keys."
)


@app.command()
def up(
    *,
    data: DataOption = "",
    host: HostOption = LOOPBACK,
    port: PortOption = 0,
    names: NamesOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the SuperLink and the clients of this machine, and prove them by a round that comes back."""
    from zk0.actions.service import clients_in
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.operations import start, undone_on_failure

    if host != LOOPBACK and not yes:
        typer.confirm(f"Listen on {host}, for clients on other machines?", abort=True)
    project = Project.find()
    deployment = Deployment(folder_of(project), host, port, tuple(names or ()))
    start(deployment, listed_in(project), clients_in(data), lambda note: typer.echo(note, err=True))
    if deployment.clients:
        typer.echo("sending the canary", err=True)
        with undone_on_failure(deployment):
            deployment.prove(deployment.clients)
    deployment.leave_running()
    data_out = {"address": deployment.address, "clients": sorted(deployment.clients)}
    print_result(data_out, f"up at {deployment.address}, {len(deployment.clients)} clients connected", as_json=as_json)


@app.command()
def prove(*, as_json: JsonOption = False) -> None:
    """Send the canary through every client here and on the list; fail with the first link that is broken."""
    project = Project.find()
    deployment = _deployment(project)
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
    found = status_of(_deployment(project), listed_in(project))
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
    path = next((one for one in (_deployment(project).log(part), _site(project, part).log) if one.is_file()), None)
    if path is None:
        known = sorted(one.stem for one in _deployment(project).log(part).parent.glob("*.log"))
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
    deployment = _deployment(project)
    add(deployment, Client(len(deployment.clients), name, source), listed_in(project))
    deployment.leave_running()
    typer.echo(f"{name} is connected")


@app.command()
def remove_client(name: NameArgument) -> None:
    """Shut a client out at once, and take it off the list in deployment/clients."""
    from zk0.federation.deployment.admission import CLIENTS, remove
    from zk0.federation.deployment.operations import remove_client as shut_out

    project = Project.find()
    deployment, listed = _deployment(project), listed_in(project)
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

    deployment = _deployment(Project.find())
    renew(deployment, names=names or (), whole=authority)
    deployment.leave_running()
    typer.echo("renewed" + ("; send new kits: zk0 deploy kit NAME" if authority else ""))


@app.command()
def down(*, fresh: ForgetOption = False) -> None:
    """End the SuperLink and all clients on this machine."""
    from zk0.federation.deployment.operations import forget, take_down

    deployment = _deployment(Project.find())
    typer.echo(f"{take_down(deployment)} processes ended")
    if fresh:
        forget(deployment)


@app.command()
def request(name: NameArgument, *, output: OutputOption = Path()) -> None:
    """At a site: make a key, which stays here, and write NAME.request.json, to be sent to the server."""
    from zk0.federation.deployment.admission import create_request

    site = _site(Project.find(), name)
    path = create_request(name, site.key).save(output / f"{name}.request.json")
    typer.echo(f"{path}: send it to who runs the server; the key stays in {site.key}")


@app.command()
def approve(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NAME.request.json")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the client's earlier key.")] = False,
) -> None:
    """At the server: check a request, and add its key to the list in deployment/clients."""
    from zk0.federation.deployment.admission import CLIENTS, JoinRequest, read_message, version_differences
    from zk0.federation.deployment.admission import approve as add_key
    from zk0.federation.deployment.operations import admit, standing

    project = Project.find()
    wanted = read_message(JoinRequest, file)
    path = add_key(wanted, project.root / CLIENTS, replace=replace)
    for difference in version_differences(wanted):
        typer.echo(f"warning: {difference}", err=True)
    if deployment := standing(folder_of(project)):
        admit(deployment, listed_in(project))
    typer.echo(f"{project.shown(path)}: commit it, then zk0 deploy kit {wanted.name}")


@app.command()
def kit(
    name: NameArgument,
    *,
    server: Annotated[str, typer.Option(help="host:port as the site reaches it; by default the first --name.")] = "",
    output: OutputOption = Path(),
) -> None:
    """At the server: write NAME.kit.json, with the server's address and authority; it holds no secret."""
    from zk0.federation.deployment.admission import create_kit
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.site import fingerprint

    project = Project.find()
    # Before the first start there is no record, and the address must be given.
    deployment = Deployment(folder_of(project)) if server else _deployment(project)
    deployment.secure()
    address = server or f"{next(iter(deployment.names), LOOPBACK)}:{deployment.port}"
    made = create_kit(name, address, deployment.certificate, listed_in(project))
    path = made.save(output / f"{name}.kit.json")
    typer.echo(f"{path}: send it to {name}; the authority is {fingerprint(deployment.certificate)}")


@app.command()
def join(
    file: Annotated[Path, typer.Argument(metavar="KIT", help="NAME.kit.json")],
    source: Annotated[str, typer.Option("--data", help="The site's data set: a folder, hub id or sim:TASK.")],
) -> None:
    """At a site: check the kit and the server, and connect."""
    from zk0.federation.deployment.admission import Kit, read_message
    from zk0.federation.deployment.site import fingerprint
    from zk0.federation.sources import absolute_source

    project = Project.find()
    given = read_message(Kit, file)
    site = _site(project, given.name)
    site.accept(given)
    site.connect(given, absolute_source(source, project.root))
    typer.echo(f"{given.name} is connected to {given.server}, whose authority is {fingerprint(site.certificate)}")


@app.command()
def leave(name: NameArgument) -> None:
    """At a site: disconnect."""
    typer.echo(f"{_site(Project.find(), name).leave()} processes ended")


def _show(findings: list[Finding]) -> None:
    table = columns(0, 0, 0)
    for one in findings:
        table.add_row(verdict_text(one.verdict), one.at, Text(one.message))
        if one.remedy:
            table.add_row("", "", Text(f"→ {one.remedy}"))
    show(table)


def _deployment(project: Project) -> "Deployment":
    from zk0.federation.deployment.deployment import Deployment

    return Deployment.load(folder_of(project))


def _site(project: Project, name: str) -> "Site":
    from zk0.federation.deployment.site import Site

    return Site(project.state_dir / "sites" / name)
