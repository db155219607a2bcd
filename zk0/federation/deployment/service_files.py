"""Files by which a service manager or a container engine runs what is deployed here: rendered from its own record.

The server's file needs a deployment that was up (`zk0 deploy up` fixes host, port, names and clients), a client's one
that was connected (`zk0 deploy join` keeps kit and data set). What they start stays in the foreground.
"""

import json
import os
import pwd
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from platformdirs import user_cache_path

from zk0.core.errors import DeploymentError, InputError
from zk0.federation.configuration import name_source
from zk0.federation.deployment.admission import Kit, read_message
from zk0.federation.deployment.folder import EVERYWHERE, RECORD, DeploymentFolder
from zk0.federation.deployment.programs import absolute_entries
from zk0.federation.deployment.site import Site

CARRIED = ("ZK0_CACHE", "HF_HOME", "PYTHONPATH", "OMP_NUM_THREADS")  # where things are; nothing that may be a secret
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  a service with a private one would not see a project there
COMPOSE = "compose.yaml"
HEALTH = """\
import ssl, urllib.request
urllib.request.urlopen("https://{address}/health", context=ssl.create_default_context(cafile={cafile!r}), timeout=5)
"""


@dataclass(frozen=True)
class Service:
    """A server or a client as a service: the arguments of `zk0`, the data it reads, and how its health is asked."""

    name: str
    description: str
    arguments: tuple[str, ...]
    data: tuple[str, ...]  # folders outside of the project
    address: str  # of the server, as it is reached from here
    certificate: Path
    port: int | None = None  # that clients on other machines reach

    @property
    def healthcheck(self) -> list[str]:
        """The command that fails where the server does not answer."""
        code = HEALTH.format(address=self.address, cafile=str(self.certificate))
        return ["CMD", "python", "-c", code]


def services_of(root: Path, folder: Path, sites: Path) -> list[Service]:
    """Return the services of a project: its deployment's server, and each client that is connected from here.

    Raises:
        DeploymentError: there is neither.
    """
    found = [_server(root, DeploymentFolder.load(folder))] if (folder / RECORD).is_file() else []
    found += [_client(root, site) for site in map(Site, sorted(sites.glob("*"))) if site.data]
    if not found:
        raise DeploymentError(
            "nothing was deployed in this project", remedy="zk0 deploy up, or zk0 deploy join, to prove it first"
        )
    return found


def unit_name(service: Service, root: Path) -> str:
    """Return the name of a service's unit; it holds the project's, of which a machine may have several."""
    return f"zk0-{_slug(root)}-{service.name}.service"


def render_unit(service: Service, root: Path, *, system: bool) -> str:
    """Return a systemd unit, for the user's own manager or for the system's, which runs it as this user."""
    carried = {name: os.environ[name] for name in CARRIED if os.environ.get(name)}
    if "PYTHONPATH" in carried:
        carried["PYTHONPATH"] = absolute_entries(carried["PYTHONPATH"])
    caches = [str(user_cache_path()), *(carried[name] for name in ("ZK0_CACHE", "HF_HOME") if name in carried)]
    name = unit_name(service, root)
    where = "/etc/systemd/system" if system else "~/.config/systemd/user"
    control = "systemctl" if system else "systemctl --user"
    install = f"Copy it to {where}, then: {control} enable --now {name}"
    return _render(
        "unit.service.j2",
        install=install if system else f"{install}; to go on without a login: loginctl enable-linger",
        description=_escaped(service.description),
        user=pwd.getpwuid(os.getuid()).pw_name if system else "",
        directory=_escaped(str(root)),
        environment=carried,
        command=[sys.executable, "-m", "zk0", *service.arguments],
        writable=[str(root), *caches],
        in_tmp=any(root.is_relative_to(folder) for folder in TEMPORARY),
    )


def render_compose(services: Sequence[Service], root: Path) -> str:
    """Return a Compose file; a port is published where the deployment listens for other machines, and else none."""
    return _render(
        "compose.yaml.j2",
        project=f"zk0-{_slug(root)}",
        services=services,
        user=f"{os.getuid()}:{os.getgid()}",
        directory=str(root),
        home=str(root / ".zk0" / "home"),  # the image's own is read-only
    )


def _server(root: Path, deployment: DeploymentFolder) -> Service:
    names = (word for name in deployment.names for word in ("--name", name))
    data = ";".join(name_source(client.name, client.source) for client in deployment.clients.values())
    exposed = deployment.host in EVERYWHERE
    return Service(
        name="server",
        description=f"zk0: federation server of {root.name}",
        arguments=(
            *("deploy", "up", "--foreground", "--host", deployment.host, "--port", str(deployment.port), *names),
            *(("--yes",) if exposed else ()),
            *(("--data", data) if data else ()),
        ),
        data=tuple(_outside(root, (client.source for client in deployment.clients.values()))),
        address=deployment.address,
        certificate=deployment.certificate,
        port=deployment.port if exposed else None,
    )


def _client(root: Path, site: Site) -> Service:
    return Service(
        name=f"client-{site.name}",
        description=f"zk0: client {site.name} of {root.name}",
        arguments=("deploy", "join", "--foreground", str(site.kit), "--data", site.data),
        data=tuple(_outside(root, [site.data])),
        address=read_message(Kit, site.kit).server,
        certificate=site.certificate,
    )


def _slug(root: Path) -> str:
    return re.sub("[^a-z0-9]+", "-", root.name.lower()).strip("-") or "project"


def _outside(root: Path, sources: Iterable[str]) -> Iterator[str]:
    """Yield the folders among data sets that are not in the project."""
    yield from (source for source in sources if Path(source).is_absolute() and not Path(source).is_relative_to(root))


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("zk0.federation.deployment"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  these are no web pages; every value goes through a filter below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"word": _word, "quoted": _quoted, "json": _json}
    return environment.get_template(template).render(**values)


def _json(value: object) -> str:
    """Return a value as Compose reads it: JSON is YAML, and `$` begins a variable."""
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")


def _word(text: str) -> str:
    """Return one word of a command line in a unit: `$` begins a variable there."""
    return _quoted(text).replace("$", "$$")


def _quoted(text: str) -> str:
    """Return one word of a setting in a unit."""
    if re.fullmatch(r"[\w./:=@,+-]+", text):
        return text
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    """Return a text without what a unit expands.

    Raises:
        InputError: a unit can't hold it.
    """
    if not text.isprintable():
        raise InputError(f"{text!r} can't stand in a unit", remedy="rename the folder")
    return text.replace("%", "%%")
