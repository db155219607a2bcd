"""`zk0 deploy request|approve|kit`: what travels between a client's machine and the server, so that it may connect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zk0.actions.deployment import folder_of, listed_in
from zk0.core.project import Project

if TYPE_CHECKING:  # Flower's client takes 2 s to import, and help must not
    from zk0.federation.deployment.deployment import Deployment
    from zk0.federation.deployment.site import Site

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The client's name.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")]

app = typer.Typer(add_completion=False)


@app.command()
def request(name: NameArgument, *, output: OutputOption = Path()) -> None:
    """At a site: make a key, which stays here, and write NAME.request.json, to be sent to the server."""
    from zk0.federation.deployment.admission import create_request

    project = Project.find()
    site = site_of(project, name)
    path = create_request(name, site.key).save(output / f"{name}.request.json")
    typer.echo(f"{path}: send it to who runs the server; the key stays in {project.shown(site.key)}")


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
    deployment = Deployment(folder_of(project)) if server else deployment_of(project)
    deployment.secure()
    address = server or deployment.public_address
    made = create_kit(name, address, deployment.certificate, listed_in(project))
    path = made.save(output / f"{name}.kit.json")
    typer.echo(f"{path}: send it to {name}; the authority is {fingerprint(deployment.certificate)}")


def deployment_of(project: Project) -> "Deployment":
    """Return the project's deployment; raises DeploymentError where there is none."""
    from zk0.federation.deployment.deployment import Deployment

    return Deployment.load(folder_of(project))


def site_of(project: Project, name: str) -> "Site":
    """Return the folder of a client that is connected from this project."""
    from zk0.federation.deployment.site import Site

    return Site(project.state_dir / "sites" / name)
