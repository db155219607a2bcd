"""A run configuration is whole or refused, each of its keys decides something, and each value's source is known."""

import ast
import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import zk0
from zk0.core.errors import ConfigurationError
from zk0.federation import configuration
from zk0.federation.configuration import OF_THIS_PROCESS, RunConfig, resolve, settings_of

ROOT = Path(__file__).parents[2]
PACKAGE = Path(zk0.__file__).parent

OUT_OF_BOUNDS = [
    ("episodes", 1),
    ("data-seed", -1),
    ("demonstration-noise", -0.1),
    ("held-out", 0),
    ("held-out", 1),
    ("proximal-mu", -0.01),
    ("server-momentum", -0.1),
    ("server-momentum", 1),
    ("faulty-clients", 0),
    ("update-norm-bound", -1),
    ("update-norm-factor", -1),
    ("rounds", 0),
    ("local-steps", 0),
    ("batch-size", 0),
    ("learning-rate", 0),
    ("final-learning-rate", -1e-9),
    ("warmup-steps", -1),
    ("weight-decay", -1e-10),
    ("clip-norm", 0),
    ("measure-every", 0),
    ("fraction-train", 0),
    ("fraction-train", 5.0),
    ("min-clients", -1),
    ("wait-seconds", 0),
    ("round-seconds", 0),
    ("evaluation-frames", -1),
    ("rollouts", -1),
    ("loader-workers", -1),
    ("seed", -1),
]


def refusal(**given):
    with pytest.raises(ConfigurationError) as raised:
        resolve({key.replace("_", "-"): value for key, value in given.items()})
    return raised.value


def test_the_defaults_are_a_whole_configuration():
    assert resolve({}) == RunConfig()


def test_pyproject_holds_every_key_with_its_default():
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["flwr"]["app"]["config"]

    assert list(written.items()) == list(RunConfig().plain().items())


def test_an_unknown_key_is_answered_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"unknown key 'proximal_mu'") as raised:
        resolve({"proximal_mu": 0.1})

    assert raised.value.remedy == "did you mean 'proximal-mu'?"


def test_a_key_like_no_other_is_answered_with_all():
    error = refusal(x=1)

    assert error.remedy.startswith("the keys are data, unseen, episodes, data-seed, ")


@pytest.mark.parametrize(("key", "value"), OUT_OF_BOUNDS)
def test_a_value_out_of_bounds_is_refused_with_its_key_and_itself(key, value):
    error = refusal(**{key: value})

    assert error.message.startswith(f"{key}: Input should be ")
    assert error.message.endswith(f"(it is {value!r})")


def test_every_bound_is_tried():
    bounded = {field.alias for field in RunConfig.model_fields.values() if field.metadata}

    assert bounded == {key for key, _ in OUT_OF_BOUNDS}


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("key", ["learning-rate", "proximal-mu", "clip-norm", "wait-seconds"])
def test_a_number_that_is_not_finite_is_refused(key, value):
    assert refusal(**{key: value}).message.startswith(f"{key}: Input should be ")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"strategy": "fedavgm"}, "strategy: Input should be 'fedprox' or 'fedavg' (it is 'fedavgm')"),
        ({"rounds": "many"}, "rounds: Input should be a valid integer"),
        ({"learning-rate": 0.001, "final-learning-rate": 0.01}, "final-learning-rate is larger than learning-rate"),
        ({"min-clients": 2, "data": "sim:lift-left"}, "min-clients is 2 and data names 1 data sets"),
        ({"resume": True}, "resume needs output"),
        ({"adaptive-mu": True, "aggregation": "median"}, "adaptive-mu believes every client's loss"),
        ({"update-norm-factor": 0.5}, "update-norm-factor is not above 1"),
        ({"aggregation": "average"}, "aggregation: Input should be 'mean', 'trimmed-mean', 'median', 'krum' or"),
        ({"aggregation": "krum"}, "aggregation krum with faulty-clients 1 needs 5 clients a round, and a round asks 4"),
        ({"aggregation": "median", "faulty-clients": 2}, "with faulty-clients 2 needs 5 clients a round"),
        ({"aggregation": "trimmed-mean", "fraction-train": 0.5}, "needs 3 clients a round, and a round asks 2"),
        ({"aggregation": "median", "min-clients": 2}, "needs 3 clients a round, and a round asks 2"),
        ({"update-norm-factor": 5, "min-clients": 2}, "update-norm-factor with faulty-clients 1 needs 3 clients"),
        ({"data": " ; "}, "data names no data set"),
        ({"cameras": " ,"}, "cameras names no camera"),
        ({"data": "left="}, "a data set lacks its name or its source: left="),
        ({"data": "=sim:lift-left"}, "a data set lacks its name or its source: =sim:lift-left"),
        ({"unseen": "far="}, "a data set lacks its name or its source: far="),
        ({"unseen": "sim:lift-left"}, "unseen is a client's data set: sim:lift-left"),
        ({"unseen": "far=sim:lift-left"}, "unseen is a client's data set: far=sim:lift-left"),
        ({"unseen": "lift-left=/data/far"}, "unseen is a client's data set: lift-left=/data/far"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_values_that_do_not_go_together_are_refused(given, words):
    error = refusal(**given)

    assert words in error.message
    assert error.remedy == "correct the value"


@pytest.mark.parametrize("data", ["a=sim:lift-left;a=sim:lift-right", "/data/left;/other/left", "o/left;left=p/x"])
def test_two_clients_of_one_name_are_refused(data):
    assert "two clients have one name or one data set: " in refusal(data=data).message


@pytest.mark.parametrize(
    ("item", "client"),
    [
        ("sim:lift-left", ("lift-left", "sim:lift-left")),
        ("/data/kitchen/", ("kitchen", "/data/kitchen/")),
        ("lerobot/svla_so101_pickplace", ("svla_so101_pickplace", "lerobot/svla_so101_pickplace")),
        ("ours = /data/kitchen", ("ours", "/data/kitchen")),
        ("ours=/data/a=b", ("ours", "/data/a=b")),
        (" kitchen ", ("kitchen", "kitchen")),
    ],
)
def test_a_client_is_called_by_its_name_or_by_the_end_of_its_source(item, client):
    config = resolve({"data": f"sim:touch-far;{item};", "unseen": ""})

    assert config.clients == (("touch-far", "sim:touch-far"), client)


def test_the_unseen_data_set_is_named_alike_and_may_be_none():
    assert resolve({"unseen": "far=/data/x"}).unseen_sets == (("far", "/data/x"),)
    assert resolve({"unseen": " "}).unseen_sets == ()


def test_cameras_are_names_in_order():
    assert resolve({"cameras": " overhead , wrist,"}).camera_names == ("overhead", "wrist")


def test_all_clients_are_waited_for_unless_fewer_are_enough():
    assert resolve({"data": "sim:lift-left;sim:touch-far;ours=/data/kitchen"}).clients_wanted == 3
    assert resolve({"min-clients": 2}).clients_wanted == 2


def test_fedavg_trains_with_no_mu():
    assert resolve({"strategy": "fedavg", "proximal-mu": 0.1}).effective_mu == 0
    assert resolve({"strategy": "fedprox", "proximal-mu": 0.1}).effective_mu == 0.1


def test_a_run_s_steps_are_those_of_all_rounds():
    assert resolve({"rounds": 3, "local-steps": 50}).total_steps == 150


def test_what_flower_carries_resolves_to_the_same_configuration():
    config = resolve({"rounds": 2, "data": "a=sim:lift-left", "output": "/tmp/run", "resume": True})

    assert resolve(json.loads(json.dumps(config.plain()))) == config


def test_a_value_s_source_is_the_default_or_this_run():
    settings = settings_of(resolve({"rounds": 99}))

    assert (settings["rounds"].value, settings["rounds"].source) == (99, "run-config")
    assert {key for key, setting in settings.items() if setting.source != "default"} == {"rounds"}
    assert settings.keys() == RunConfig().plain().keys() - set(OF_THIS_PROCESS)


def test_a_value_that_an_app_s_owner_wrote_down_comes_from_pyproject(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.flwr.app.config]\nrounds = 99\nseed = 7\n")
    monkeypatch.setattr(configuration, "__file__", str(tmp_path / "zk0" / "federation" / "configuration.py"))

    settings = settings_of(resolve({"rounds": 99, "seed": 8}))

    assert {key: settings[key].source for key in ("rounds", "seed", "episodes")} == {
        "rounds": "pyproject.toml",
        "seed": "run-config",
        "episodes": "default",
    }


def test_no_folder_of_this_machine_is_told():
    config = resolve(
        {
            "data": "/home/me/left; /home/me/right;ours= /home/me/a=b;lerobot/pusht;sim:touch-far",
            "unseen": "far=/home/me/far",
            "policy": "/home/me/run=1/policy",
            "backbone": "/home/me/smollm",
            "output": "/home/me/output",
            "resume": True,
        }
    )

    told = {key: setting.value for key, setting in settings_of(config).items()}

    assert "/home" not in json.dumps(told)
    assert told["data"] == "left;right;ours=a=b;lerobot/pusht;sim:touch-far"
    assert (told["unseen"], told["policy"], told["backbone"]) == ("far=far", "policy", "smollm")


def test_every_key_is_read_somewhere():
    assert dead(RunConfig.model_fields) == set()


def test_a_key_that_nobody_reads_is_found():
    assert dead([*RunConfig.model_fields, "spike_threshold"]) == {"spike_threshold"}


def dead(keys: Iterable[str]) -> set[str]:
    """Return the keys that no module reads from a run configuration, itself or through one of its properties."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    read = {name for tree in trees.values() if _knows_configuration(tree) for name in _read_of(tree, "config")}
    members = {
        member.name: set(_read_of(member, "self"))
        for node in ast.walk(trees[PACKAGE / "federation" / "configuration.py"])
        if isinstance(node, ast.ClassDef) and node.name == "RunConfig"
        for member in node.body
        if isinstance(member, ast.FunctionDef)
    }
    for _ in members:  # a property may read another
        read |= {name for member, names in members.items() if member in read for name in names}
    return set(keys) - read


def _knows_configuration(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "zk0.federation.configuration" for node in ast.walk(tree)
    )


def _read_of(tree: ast.AST, owner: str) -> Iterator[str]:
    """Yield X of every `owner.X` and `something.owner.X`; a policy's own `config` is another thing."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="policy"))):
                continue
            case ast.Attribute(attr=name, value=ast.Name(id=found) | ast.Attribute(attr=found)) if found == owner:
                yield name


@pytest.mark.parametrize(("rounds", "steps", "used"), [(10, 70, 20), (2, 6, 1), (1, 5, 0), (1, 200, 20)])
def test_a_short_run_is_not_spent_on_its_warm_up(rounds, steps, used):
    assert resolve({"rounds": rounds, "local-steps": steps}).effective_warmup == used
