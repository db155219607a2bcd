import json

import pytest

from zk0.core.errors import CertificateError, InputError, UnknownNameError
from zk0.core.secrets import find_secrets
from zk0.federation.deployment import authority
from zk0.federation.deployment.admission import (
    JoinRequest,
    Kit,
    admitted,
    approve,
    create_kit,
    create_request,
    read_message,
    remove,
    version_differences,
)


@pytest.fixture
def clients(tmp_path):
    return tmp_path / "deployment" / "clients"


@pytest.fixture
def request_of(tmp_path):
    return lambda name="arm-a", site="site": create_request(name, tmp_path / site / name / "key")


def test_a_request_becomes_a_line_of_the_list_and_a_kit(tmp_path, clients, request_of):
    sent = request_of().save(tmp_path / "arm-a.request.json")

    approve(read_message(JoinRequest, sent), clients)
    certificate = authority.create_authority(tmp_path / "authority")
    kit = create_kit("arm-a", "fl.example.org:8000", certificate, admitted(clients))
    path = kit.save(tmp_path / "arm-a.kit.json")

    assert read_message(Kit, path) == kit
    assert (clients / "arm-a.pub").read_text().startswith("ecdsa-sha2-nistp384 ")
    assert admitted(clients) == {"arm-a": request_of().public_key}


def test_nothing_secret_is_in_what_travels_or_is_in_the_repository(tmp_path, clients, request_of):
    request_of().save(tmp_path / "travels" / "arm-a.request.json")
    approve(request_of(), clients)
    certificate = authority.create_authority(tmp_path / "authority")
    create_kit("arm-a", "a:1", certificate, admitted(clients)).save(tmp_path / "travels" / "arm-a.kit.json")

    secrets = [path.read_text() for path in tmp_path.rglob("*key")]
    assert len(secrets) == 2
    for path in (*(tmp_path / "travels").iterdir(), *clients.iterdir()):
        text = path.read_text()
        assert list(find_secrets(text)) == []
        assert not any(line in text for secret in secrets for line in secret.splitlines()[1:-1])


def test_a_request_again_keeps_the_key(request_of):
    assert request_of().public_key == request_of().public_key


@pytest.mark.parametrize("change", [{"name": "arm-b"}, {"signature": ""}, {"versions": {}}, {"public_key": None}])
def test_a_request_that_was_altered_or_is_of_another_key_is_refused(clients, request_of, change):
    if "public_key" in change:
        change = {"public_key": request_of(site="other").public_key}
    with pytest.raises(CertificateError, match="is not signed with its key"):
        approve(request_of().model_copy(update=change), clients)
    assert admitted(clients) == {}


def test_another_key_for_a_name_needs_to_be_asked_for(clients, request_of):
    approve(request_of(), clients)
    other = request_of(site="other")

    with pytest.raises(CertificateError, match="arm-a has another key already"):
        approve(other, clients)
    approve(other, clients, replace=True)
    assert admitted(clients) == {"arm-a": other.public_key}


def test_one_key_has_one_name(tmp_path, clients):
    key = tmp_path / "key"
    approve(create_request("arm-a", key), clients)

    with pytest.raises(CertificateError, match="arm-b has the key of arm-a"):
        approve(create_request("arm-b", key), clients)


def test_a_removed_client_is_off_the_list_and_gets_no_kit(tmp_path, clients, request_of):
    approve(request_of(), clients)

    remove("arm-a", clients)

    assert admitted(clients) == {}
    with pytest.raises(UnknownNameError):
        remove("arm-a", clients)
    with pytest.raises(UnknownNameError):
        create_kit("arm-a", "a:1", authority.create_authority(tmp_path), admitted(clients))


@pytest.mark.parametrize("name", ["", "Arm", "arm a", "../arm", 'a"b', "a" * 64, "-a"])
def test_a_name_that_is_no_name_is_refused(request_of, name):
    with pytest.raises(InputError):
        request_of(name)


def test_other_versions_are_said_before_the_site_connects(request_of):
    request = request_of()

    assert list(version_differences(request)) == []
    old = request.model_copy(update={"versions": request.versions | {"flwr": "1.41.0"}})
    assert "arm-a has flwr 1.41.0, the server 1.4" in next(iter(version_differences(old)))


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"name": "arm-a"})])
def test_a_file_that_is_no_request_is_said(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)

    with pytest.raises(InputError, match="is no JoinRequest"):
        read_message(JoinRequest, path)
    with pytest.raises(InputError, match="can't be read"):
        read_message(JoinRequest, tmp_path / "none.json")


def test_a_file_in_the_list_that_is_no_key_is_said(clients):
    clients.mkdir(parents=True)
    (clients / "arm-a.pub").write_text("hello\n")

    with pytest.raises(CertificateError, match=r"arm-a\.pub"):
        admitted(clients)
