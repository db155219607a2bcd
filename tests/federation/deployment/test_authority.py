import ssl
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from zk0.core.errors import CertificateError
from zk0.federation.deployment import authority


@pytest.fixture
def folder(tmp_path):
    authority.create_authority(tmp_path)
    authority.issue_server_certificate(tmp_path, ["127.0.0.1", "fl.example.org", "::1"])
    return tmp_path


def test_keys_are_readable_by_their_owner_alone(folder):
    authority.create_client_key(folder / "client" / "key")

    modes = {path: path.stat().st_mode & 0o777 for path in folder.rglob("*key")}
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


def test_the_certificate_holds_each_name_and_address_and_every_tls_library_accepts_it(folder):
    certificate = folder / authority.SERVER_CERTIFICATE

    assert authority.names_of(authority.read_certificate(certificate)) == ["127.0.0.1", "fl.example.org", "::1"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, folder / authority.SERVER_KEY)
    strict = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "127.0.0.1"]
    done = subprocess.run(
        [*strict, "-CAfile", folder / authority.AUTHORITY_CERTIFICATE, certificate],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_valid_certificate_says_how_long(folder):
    left = authority.require_valid(folder / authority.SERVER_CERTIFICATE, host="fl.example.org")

    assert timedelta(days=authority.SERVER_DAYS - 1) < left < timedelta(days=authority.SERVER_DAYS)


def test_an_expired_certificate_is_refused_with_the_command_that_renews_it(folder):
    authority.issue_server_certificate(folder, ["127.0.0.1"], days=-1)

    with pytest.raises(CertificateError, match="expired on") as caught:
        authority.require_valid(folder / authority.SERVER_CERTIFICATE)
    assert caught.value.remedy == "zk0 deploy rotate"


def test_a_clock_that_is_behind_is_told_from_an_expired_certificate(folder):
    with pytest.raises(CertificateError, match="is valid from") as caught:
        authority.require_valid(folder / authority.SERVER_CERTIFICATE, now=datetime(2020, 1, 1, tzinfo=UTC))
    assert "clock" in caught.value.remedy


def test_a_certificate_of_another_host_is_refused(folder):
    with pytest.raises(CertificateError, match=r"not valid for other\.example\.org, only for 127\.0"):
        authority.require_valid(folder / authority.SERVER_CERTIFICATE, host="other.example.org")


def test_a_key_that_others_may_read_is_refused(folder):
    key = folder / authority.SERVER_KEY
    key.chmod(0o640)

    with pytest.raises(CertificateError, match="others may read") as caught:
        authority.require_private(key)
    assert caught.value.remedy == f"chmod 600 {key}"


def test_a_client_key_reads_back_and_its_public_half_is_openssh(folder):
    line = authority.create_client_key(folder / "key")

    assert line.startswith("ecdsa-sha2-nistp384 ")
    assert authority.public_line(authority.read_client_key(folder / "key").public_key()) == line


@pytest.mark.parametrize("content", ["", "hello", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3l"])
def test_what_is_no_elliptic_curve_key_is_refused(folder, content):
    with pytest.raises(CertificateError):
        authority.read_public_line(content)
    path = folder / "other"
    authority.write_private(path, content.encode())
    with pytest.raises(CertificateError):
        authority.read_client_key(path)


def test_a_missing_or_damaged_certificate_is_named(folder, tmp_path):
    (tmp_path / "bad.crt").write_text("-----BEGIN CERTIFICATE-----\n")

    for name in ("bad.crt", "none.crt"):
        with pytest.raises(CertificateError, match=name):
            authority.read_certificate(tmp_path / name)
