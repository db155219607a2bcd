import sys

import pytest
from flwr.superlink.cli.flower_superlink import _parse_args_run_superlink
from flwr.supernode.cli.flower_supernode import _parse_args_run_supernode

from zk0.federation.deployment.upgrade import IGNORED, REFUSED, outdated_options

COMPOSE = """\
services:
  superlink:
    command: [flower-superlink, --insecure, --serverappio-api-address, 0.0.0.0:9091]
  supernode:
    command:
      - flower-supernode
      - --clientappio-api-address=0.0.0.0:9094
      - --superlink=superlink:8000
"""


def test_each_option_is_named_with_its_line_and_what_to_use(tmp_path):
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "start.sh").write_text("flower-superexec --plugin-type serverapp\n")
    (tmp_path / "other.sh").write_text("mytool --plugin-type x\n")

    found = list(outdated_options(tmp_path, ["compose.yaml", "start.sh", "other.sh"]))

    assert [(one.at, str(one.verdict)) for one in found if one.at] == [
        ("compose.yaml:3", "fail"),
        ("compose.yaml:7", "fail"),
        ("start.sh:1", "warn"),
    ]
    assert all(one.remedy.startswith("use ") for one in found if one.at)
    assert [str(one.verdict) for one in found if not one.at] == ["pass", "pass"]


def test_a_project_without_such_options_passes(tmp_path):
    (tmp_path / "start.sh").write_text("flower-superlink --host 0.0.0.0\n")

    assert {str(one.verdict) for one in outdated_options(tmp_path, ["start.sh"])} == {"pass"}


@pytest.mark.parametrize("option", sorted(REFUSED))
def test_the_installed_flower_refuses_what_we_say_it_refuses(option, monkeypatch, capsys):
    if option == "--auth-list-public-keys":
        pytest.skip("the program refuses it after it has parsed it")
    program, parser = (
        ("flower-supernode", _parse_args_run_supernode)
        if option == "--clientappio-api-address"
        else ("flower-superlink", _parse_args_run_superlink)
    )
    monkeypatch.setattr(sys, "argv", [program, option, "127.0.0.1:9091"])

    with pytest.raises(SystemExit) as ended:
        parser().parse_args()
    assert ended.value.code != 0


@pytest.mark.parametrize("option", sorted(set(IGNORED) - {"--plugin-type"}))
def test_the_installed_flower_still_takes_what_we_say_it_ignores(option, monkeypatch):
    values = {"--fleet-api-type": ["grpc-rere"], "--allow-runtime-dependency-installation": []}
    monkeypatch.setattr(sys, "argv", ["flower-superlink", option, *values.get(option, ["127.0.0.1:9091"])])

    assert _parse_args_run_superlink().parse_args()
