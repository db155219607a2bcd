"""Who may connect: a list of public keys in the repository, and what travels between a site and the server.

    at the site      zk0 deploy request NAME         makes a key, which stays, and NAME.request.json, which is sent
    at the server    zk0 deploy approve FILE         checks it and writes deployment/clients/NAME.pub, to be committed
    at the server    zk0 deploy kit NAME             writes NAME.kit.json: the server's address and authority
    at the site      zk0 deploy join NAME.kit.json   starts the SuperNode

A request is signed with its own key, so nobody can ask for a key that he does not have. Neither file holds a secret.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zk0.core.errors import CertificateError, InputError, UnknownNameError
from zk0.core.project import package_versions
from zk0.core.receipts import write_atomically
from zk0.federation.deployment import authority
from zk0.federation.deployment.canary import MUST_AGREE

CLIENTS = Path("deployment/clients")  # in the repository; one NAME.pub each
SUFFIX = ".pub"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def save(self, path: Path) -> Path:
        """Write the message to a file."""
        write_atomically(path, self.model_dump_json(indent=2) + "\n")
        return path


class JoinRequest(_Document):
    """A site's request to take part."""

    name: str = Field(pattern=NAME.pattern)
    public_key: str
    versions: dict[str, str]
    created: datetime
    signature: str = ""

    def content(self) -> bytes:
        """Return what is signed."""
        return self.model_copy(update={"signature": ""}).model_dump_json().encode()


class Kit(_Document):
    """What a site needs to connect; nothing in it is secret."""

    name: str
    server: str = Field(pattern=r".+:\d+", description="host:port")
    authority: str = Field(description="the certificate by which the server is known")
    public_key: str = Field(description="of the client it is for")
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """Return the versions that both sides must agree on."""
    found = package_versions()
    return {package: found[package] for package in MUST_AGREE if package in found}


def create_request(name: str, key: Path) -> JoinRequest:
    """Return a signed request; the key at `key` is made if there is none.

    Raises:
        InputError: the name can't be used.
    """
    require_name(name)
    line = authority.create_client_key(key) if not key.exists() else ""
    private = authority.read_client_key(key)
    request = JoinRequest(
        name=name,
        public_key=line or authority.public_line(private.public_key()),
        versions=versions(),
        created=datetime.now(UTC),
    )
    signature = private.sign(request.content(), ec.ECDSA(hashes.SHA384()))
    return request.model_copy(update={"signature": base64.b64encode(signature).decode()})


def require_signature(request: JoinRequest) -> None:
    """Refuse a request that its key did not sign.

    Raises:
        CertificateError: the signature is not of this key, or of another content.
    """
    key = authority.read_public_line(request.public_key, source=f"the key of {request.name}")
    try:
        key.verify(base64.b64decode(request.signature), request.content(), ec.ECDSA(hashes.SHA384()))
    except (InvalidSignature, ValueError) as error:
        raise CertificateError(
            f"the request of {request.name} is not signed with its key", remedy="ask the site for a new one"
        ) from error


def approve(request: JoinRequest, clients: Path, *, replace: bool = False) -> Path:
    """Add a request's key to the list and return its file.

    Raises:
        CertificateError: it is not signed, or the name has another key, or the key another name.
    """
    require_signature(request)
    listed = admitted(clients)
    if listed.get(request.name, request.public_key) != request.public_key and not replace:
        raise CertificateError(
            f"{request.name} has another key already", remedy="zk0 deploy approve --replace, if the site asked for it"
        )
    other = next((name for name, line in listed.items() if line == request.public_key and name != request.name), None)
    if other:
        raise CertificateError(f"{request.name} has the key of {other}", remedy="make a key for each client")
    path = clients / f"{request.name}{SUFFIX}"
    write_atomically(path, f"{request.public_key} {request.name}\n")
    return path


def version_differences(request: JoinRequest) -> Iterator[str]:
    """Yield how a site's versions differ from the server's."""
    for package, version in versions().items():
        there = request.versions.get(package, "none")
        if there != version:
            yield f"{request.name} has {package} {there}, the server {version}"


def admitted(clients: Path) -> dict[str, str]:
    """Return the list: the public key of each name.

    Raises:
        CertificateError: a file is no public key.
    """
    listed: dict[str, str] = {}
    for path in sorted(clients.glob(f"*{SUFFIX}")):
        kind, _, rest = path.read_text(encoding="utf-8").strip().partition(" ")
        line = f"{kind} {rest.split(' ')[0]}"
        authority.read_public_line(line, source=path.name)
        listed[path.stem] = line
    return listed


def remove(name: str, clients: Path) -> None:
    """Take a client off the list.

    Raises:
        UnknownNameError: it is not on it.
    """
    path = clients / f"{name}{SUFFIX}"
    if not path.is_file():
        raise UnknownNameError(
            f"no client {name}", remedy=f"the clients are {', '.join(admitted(clients)) or 'none yet'}"
        )
    path.unlink()


def create_kit(name: str, server: str, certificate: Path, listed: Mapping[str, str]) -> Kit:
    """Return a client's kit.

    Raises:
        UnknownNameError: the client is not on the list.
        CertificateError: the authority's certificate can't be used.
    """
    if name not in listed:
        raise UnknownNameError(f"no client {name}", remedy=f"zk0 deploy approve {name}.request.json")
    authority.require_valid(certificate)
    text = certificate.read_text(encoding="ascii")
    return Kit(name=name, server=server, authority=text, public_key=listed[name], versions=versions())


def read_message[M: _Document](kind: type[M], path: Path) -> M:
    """Read a request or a kit.

    Raises:
        InputError: it is neither.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", remedy="give its path") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path} is no {kind.__name__}: {where} {first['msg']}", remedy="ask for it again") from error


def require_name(name: str) -> None:
    """Refuse a name that is not one of letters, digits and hyphens.

    Raises:
        InputError: it is not.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a client", remedy="use up to 63 of a-z, 0-9 and -, such as arm-a")
