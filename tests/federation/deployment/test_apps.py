import json
import tomllib

from flwr.cli.build import build_fab_from_files

from zk0.federation.configuration import RunConfig
from zk0.federation.deployment.apps import canary_app, training_app


def test_flower_accepts_both_apps_and_they_are_tiny():
    for files in (training_app(), canary_app({"report": 'a "b"\\c', "clients": 2, "seconds": 1.5})):
        content, _ = build_fab_from_files(files)
        assert len(content) < 10_000


def test_the_app_knows_every_key_of_the_run_configuration():
    written = tomllib.loads(training_app()["pyproject.toml"].decode())["tool"]["flwr"]["app"]["config"]

    assert written == json.loads(json.dumps(RunConfig().plain()))
