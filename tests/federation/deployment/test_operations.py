"""What is done with a deployment as a whole, as far as no program has to run for it."""

import pytest

from zk0.core.errors import CertificateError, DeploymentError, InputError
from zk0.federation.configuration import Client
from zk0.federation.deployment import authority
from zk0.federation.deployment.deployment import Deployment, node_configuration
from zk0.federation.deployment.operations import forget, rotate, standing, start


def test_what_is_saved_is_found_by_a_later_command(tmp_path):
    made = Deployment(tmp_path, "127.0.0.1", 8000, ("fl.example.org",), clients={"arm-a": Client(0, "arm-a", "sim:x")})
    made.output = "/somewhere"

    made.save()

    found = Deployment.load(tmp_path)
    assert (found.host, found.port, found.names, found.clients, found.output) == (
        *("127.0.0.1", 8000, ("fl.example.org",)),
        *({"arm-a": Client(0, "arm-a", "sim:x")}, "/somewhere"),
    )
    assert standing(tmp_path) is None


def test_without_a_deployment_the_command_that_makes_one_is_named(tmp_path):
    with pytest.raises(DeploymentError) as caught:
        Deployment.load(tmp_path)
    assert caught.value.remedy.startswith("zk0 deploy up")


def test_a_certificate_that_lacks_a_name_is_issued_again_and_wildcards_are_no_names(tmp_path):
    Deployment(tmp_path).secure()
    before = (tmp_path / "authority" / "ca.crt").read_bytes()

    Deployment(tmp_path, "0.0.0.0", names=("fl.example.org",)).secure()

    certificate = authority.read_certificate(tmp_path / "authority" / "server.crt")
    assert authority.names_of(certificate) == ["127.0.0.1", "localhost", "fl.example.org"]
    assert (tmp_path / "authority" / "ca.crt").read_bytes() == before


def test_before_each_start_expiry_and_modes_are_checked(tmp_path):
    deployment = Deployment(tmp_path)
    deployment.secure()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    (tmp_path / "authority" / "server.key").chmod(0o644)
    with pytest.raises(CertificateError, match="others may read"):
        start(deployment, {}, [], print)

    (tmp_path / "authority" / "server.key").chmod(0o600)
    authority.issue_server_certificate(tmp_path / "authority", deployment.hosts, days=-1)
    with pytest.raises(CertificateError, match="expired"):
        start(deployment, {}, [], print)


def test_rotation_renews_the_server_and_on_request_the_authority(tmp_path):
    deployment = Deployment(tmp_path)
    deployment.secure()
    files = [tmp_path / "authority" / name for name in ("ca.crt", "server.crt")]
    first = [path.read_bytes() for path in files]

    rotate(deployment, names=["fl.example.org"])
    second = [path.read_bytes() for path in files]
    rotate(deployment, whole=True)
    third = [path.read_bytes() for path in files]

    assert (first[0] == second[0], first[1] == second[1]) == (True, False)
    assert (second[0] == third[0], second[1] == third[1]) == (False, False)
    assert "fl.example.org" in authority.names_of(authority.read_certificate(files[1]))


def test_forgetting_removes_database_and_logs_and_no_key(tmp_path):
    deployment = Deployment(tmp_path)
    deployment.secure()
    deployment.key_of("arm-a")
    for name in ("superlink/state.db", "logs/superlink.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    forget(deployment)

    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"ca.key", "ca.crt", "server.key", "server.crt", "key"}


def test_one_address_beyond_loopback_is_refused_since_its_own_programs_would_be_shut_out(tmp_path):
    with pytest.raises(InputError, match=r"listen on 192\.0\.2\.7 alone") as caught:
        start(Deployment(tmp_path, host="192.0.2.7"), {}, [], print)
    assert "0.0.0.0" in caught.value.remedy


def test_without_a_name_of_this_machine_there_is_no_address_to_give_to_clients(tmp_path):
    with pytest.raises(InputError, match="no address is known") as caught:
        _ = Deployment(tmp_path, "0.0.0.0", 8000).public_address
    assert "--server HOST:PORT" in caught.value.remedy

    assert Deployment(tmp_path, "0.0.0.0", 8000, ("fl.example.org",)).public_address == "fl.example.org:8000"
    assert Deployment(tmp_path, port=8000).public_address == "127.0.0.1:8000"


def test_a_client_name_that_flower_or_a_path_could_not_carry_is_refused(tmp_path):
    with pytest.raises(InputError):
        start(Deployment(tmp_path), {}, [Client(0, "../arm", "x")], print)
    with pytest.raises(DeploymentError, match="double quote"):
        node_configuration(Client(0, "arm", 'a"b'))
