"""A federation's configuration is written so that Flower reads the same, and its result is what was aggregated."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from zk0.actions.data import PreparedSet
from zk0.actions.federation import CollectOutputs, ConfigureInputs, ConfigureOutputs, RunInputs, configure
from zk0.core.errors import ConfigurationError
from zk0.core.verdicts import Verdict
from zk0.federation.configuration import resolve

printable = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=";="), min_size=1)


def one(name, role="client"):
    return PreparedSet(
        name=name,
        source=f"sim:{name}",
        role=role,
        digest="d",
        episodes=4,
        training_episodes=3,
        frames=120,
        fps=10.0,
        robot_type=None,
        tasks=[],
        cameras=["wrist"],
        state_range=[(-90.0, 90.0)] * 6,
    )


def configured(frames, batch_size=16):
    return ConfigureOutputs(
        values={}, file=Path("run-config.toml"), batch_size=batch_size, training_frames=frames, updates=1, table=[]
    )


def collected(**fields):
    values = {
        "policy": Path("round-003"),
        "ledger": Path("ledger.jsonl"),
        "round": 3,
        "digest_aggregated": "a" * 16,
        "digest_loaded": "a" * 16,
        "machine_paths": [],
        "table": [],
    }
    return CollectOutputs(**values | fields)


def test_the_values_of_the_steps_become_a_configuration_with_its_sources(context):
    values = {
        "rounds": 2,
        "local_steps": 50,
        "proximal_mu": 0.1,
        "cameras": ["wrist", "front"],
        "policy": Path("/data/run/policy"),
    }

    found = configure(ConfigureInputs(values=values, sets=[one("lift-left"), one("place-far", "unseen")]), context)

    assert (found.values["rounds"], found.values["cameras"], found.values["seed"]) == (2, "wrist,front", 7)
    assert found.table == [
        ["setting", "value", "source"],
        ["cameras", "wrist,front", "run-config"],
        ["policy", "policy", "run-config"],
        ["proximal-mu", "0.1", "run-config"],
        ["rounds", "2", "run-config"],
        ["local-steps", "50", "run-config"],
        ["seed", "7", "run-config"],
    ]
    assert found.training_frames == {"lift-left": 90}
    assert found.updates == 2 * 50 * 4
    assert "rounds = 2  # run-config\n" in found.file.read_text(encoding="utf-8")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(printable, st.floats(0, 1e3, allow_subnormal=False))
def test_the_file_holds_for_flower_what_was_resolved(context, text, mu):
    values = {"data": f"{text}=/data/{text}", "unseen": "", "proximal_mu": mu, "policy": f"/data/{text}"}

    found = configure(ConfigureInputs(values=values, sets=[]), context)

    written = tomllib.loads(found.file.read_text(encoding="utf-8"))
    assert written == found.values
    assert resolve(written).plain() == found.values


def test_a_value_that_is_no_key_is_refused(context):
    with pytest.raises(ConfigurationError, match="unknown key 'local-epochs'"):
        configure(ConfigureInputs(values={"local_epochs": 2}, sets=[]), context)


def test_data_sets_larger_than_a_batch_pass(judge, numbers):
    [finding] = judge("federation.configured", configured({"left": 90}))

    assert (finding.verdict, finding.at) == ("pass", "left")
    assert finding.message == "90 training frames, batches of 16"
    assert numbers(finding) == {"training frames": 90, "batch size": 16}


def test_a_data_set_smaller_than_a_batch_is_a_warning(judge):
    good, small = judge("federation.configured", configured({"left": 16, "right": 15}))

    assert good.verdict is Verdict.passed
    assert (small.at, small.verdict, small.message) == (
        "right",
        "warn",
        "a batch of 16 repeats some of its 15 frames",
    )
    assert small.remedy == "lower batch_size, or record more episodes"


def test_a_federation_without_clients_is_not_judged_good(judge):
    [finding] = judge("federation.configured", configured({}))

    assert finding.verdict is Verdict.error


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValidationError, match="'inline', 'simulation' or 'deployment'"):
        RunInputs(configuration={}, engine="warp")


def test_a_checkpoint_that_is_what_was_aggregated_passes(judge, numbers):
    [finding] = judge("checkpoint.loads-back", collected())

    assert (finding.verdict, finding.message) == ("pass", "round 3, aaaaaaaa")
    assert numbers(finding) == {"digest aggregated": "a" * 16, "digest loaded": "a" * 16}


def test_a_checkpoint_of_other_tensors_fails(judge):
    [finding] = judge("checkpoint.loads-back", collected(digest_loaded="b" * 16))

    assert (finding.verdict, finding.message) == ("fail", "the checkpoint is not what the server aggregated")


def test_a_checkpoint_that_names_a_path_of_this_machine_fails(judge):
    [finding] = judge("checkpoint.loads-back", collected(machine_paths=["train_config.json"]))

    assert (finding.verdict, finding.message) == ("fail", "train_config.json names a path of this machine")


@pytest.mark.parametrize(
    ("strategy", "mu", "verdict"), [("fedavg", 0.0, "pass"), ("fedprox", 0.1, "pass"), ("fedprox", 0.0, "warn")]
)
def test_a_strategy_that_is_another_in_truth_is_said(judge, strategy, mu, verdict):
    outputs = configured({}).model_copy(update={"values": {"strategy": strategy, "proximal-mu": mu}})

    [finding] = judge("federation.strategy", outputs)

    assert finding.verdict == verdict
