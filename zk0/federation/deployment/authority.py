"""The project's certificate authority, the server's certificate, and the clients' keys.

The server proves itself by a certificate of the project's own authority, which lists every name and address that
clients use (subject alternative names; a common name alone is ignored by every TLS library). A client proves itself by
an elliptic-curve key made where it is used: only its public half leaves the machine.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from zk0.core.errors import CertificateError

AUTHORITY_DAYS = 1825  # five years; longer than a project, shorter than trust should last
SERVER_DAYS = 365
EXPIRES_SOON = timedelta(days=30)
EARLIER = timedelta(minutes=5)  # a client's clock may be behind; Flower allows 5 s the other way
PRIVATE = 0o600

AUTHORITY_CERTIFICATE = "ca.crt"
AUTHORITY_KEY = "ca.key"
SERVER_CERTIFICATE = "server.crt"
SERVER_KEY = "server.key"


def create_authority(folder: Path, *, days: float = AUTHORITY_DAYS) -> Path:
    """Make an authority of its own for a project and return its certificate; its key never leaves the folder."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "zk0 deployment authority")])
    certificate = (
        _builder(name, name, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    write_private(folder / AUTHORITY_KEY, _pem(key))
    path = folder / AUTHORITY_CERTIFICATE
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


def issue_server_certificate(folder: Path, hosts: Iterable[str], *, days: float = SERVER_DAYS) -> Path:
    """Issue the certificate of a SuperLink that clients reach under these names and addresses; return its path."""
    authority = read_certificate(folder / AUTHORITY_CERTIFICATE)
    issuer = serialization.load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), password=None)
    if not isinstance(issuer, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{folder / AUTHORITY_KEY} is not an elliptic-curve key", remedy="zk0 deploy rotate")
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "zk0 SuperLink")])
    certificate = (
        _builder(name, authority.subject, key.public_key(), days)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        .sign(issuer, hashes.SHA384())
    )
    write_private(folder / SERVER_KEY, _pem(key))
    path = folder / SERVER_CERTIFICATE
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


def create_client_key(path: Path) -> str:
    """Make a client's key at `path`, and return its public half in OpenSSH's format."""
    key = ec.generate_private_key(ec.SECP384R1())
    openssh = serialization.PrivateFormat.OpenSSH
    pem = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
    write_private(path, pem)
    return public_line(key.public_key())


def read_client_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a client's private key.

    Raises:
        CertificateError: there is none, others may read it, or it is of another kind.
    """
    if not path.is_file():
        raise CertificateError(f"there is no client key at {path}", remedy="zk0 deploy request NAME")
    require_private(path)
    try:
        key = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path} is not a key: {error}", remedy="zk0 deploy request NAME") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path} is not an elliptic-curve key", remedy="ssh-keygen -t ecdsa -b 384")
    return key


def read_public_line(line: str, *, source: object = "the key") -> ec.EllipticCurvePublicKey:
    """Return the key of a public line, `ecdsa-sha2-nistp384 AAAA…`.

    Raises:
        CertificateError: it is not a public elliptic-curve key.
    """
    try:
        key = serialization.load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{source} is no public key: {error}", remedy="zk0 deploy request NAME") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateError(f"{source} is not an elliptic-curve key", remedy="ssh-keygen -t ecdsa -b 384")
    return key


def public_line(key: ec.EllipticCurvePublicKey) -> str:
    """Return a public key in OpenSSH's format."""
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def read_certificate(path: Path) -> x509.Certificate:
    """Read a certificate.

    Raises:
        CertificateError: there is none, or it is damaged.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateError(
            f"no certificate can be read from {path}: {error}", remedy="zk0 deploy rotate"
        ) from error


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses that a server's certificate is valid for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(one.value) for one in names]


def require_valid(path: Path, *, host: str = "", now: datetime | None = None) -> timedelta:
    """Return how long a certificate is still valid.

    Raises:
        CertificateError: it has expired, is not valid yet, or names another host than `host`.
    """
    certificate = read_certificate(path)
    now = now or datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        raise CertificateError(
            f"{path.name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}", remedy="zk0 deploy rotate"
        )
    if now < certificate.not_valid_before_utc:
        raise CertificateError(
            f"{path.name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} on",
            remedy="set this machine's clock",
        )
    names = names_of(certificate)
    if host and host not in names:
        raise CertificateError(
            f"{path.name} is not valid for {host}, only for {', '.join(names) or 'no name at all'}",
            remedy=f"zk0 deploy rotate --name {host}",
        )
    return certificate.not_valid_after_utc - now


def require_private(path: Path) -> None:
    """Refuse a private key that others may read.

    Raises:
        CertificateError: its mode gives others a right.
    """
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise CertificateError(f"others may read {path} (mode {mode:03o})", remedy=f"chmod 600 {path}")


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as stream:
        stream.write(content)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=min(now, now + timedelta(days=days)) - EARLIER,
        not_valid_after=now + timedelta(days=days),
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    pkcs8 = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
