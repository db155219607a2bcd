"""Whole federations of the real SmolVLA at tiny size, on the inline engine."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from zk0.core.errors import ConfigurationError, RoundFailedError
from zk0.federation import client as client_module
from zk0.federation import engines
from zk0.federation.checkpoints import checkpoint_path, last_checkpoint
from zk0.federation.configuration import resolve
from zk0.federation.exchange import to_record
from zk0.federation.messages import Assignment
from zk0.ledger import read_ledger
from zk0.training.parameters import digest_of, trainable_parameters
from zk0.training.policy import load_policy
from zk0.training.statistics import merged_statistics, to_plain


def quiet(done, total, note):
    """Watch in silence."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def federate(run_config, tmp_path_factory):
    def run(engine="inline", output=None, **changes):
        output = output or tmp_path_factory.mktemp("federation") / "out"
        engines.run(engine, run_config(output=str(output), **changes), quiet)
        return output, read_ledger(output / "ledger.jsonl")

    return run


@pytest.fixture(scope="module")
def done(federate):
    return federate()


def test_the_ledger_records_the_whole_run(done):
    _, ledger = done

    assert ledger.closed.outcome == "done"
    assert [event.event for event in ledger.events] == [
        "run",
        *["evaluation"] * 2,
        *["training", "training", "aggregation", "evaluation", "evaluation"] * 2,
        "closed",
    ]
    assert len(ledger.opened.clients) == 2
    assert ledger.opened.tensors > 0
    assert ledger.opened.versions["lerobot"].startswith("0.6")


def test_every_number_of_a_training_is_there(done):
    _, ledger = done

    for training in ledger.trainings:
        for series in ("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "learning_rate", "drift"):
            values = getattr(training, series)
            assert len(values) == 4
            assert None not in values, series
        assert set(training.update_norm) == {"vision", "language", "expert", "projections"}
        assert training.resources.seconds > 0
        assert training.resources.peak_memory > 10**8


def test_each_round_starts_from_what_the_round_before_aggregated(done):
    _, ledger = done
    first, second = ledger.aggregations

    assert second.digest_in == first.digest_out
    assert {training.digest_in for training in ledger.trainings if training.round == 2} == {first.digest_out}
    assert {one.digest for one in ledger.evaluations if one.round == 2} == {second.digest_out}


def test_all_clients_normalise_with_the_statistics_of_all(done, run_config):
    """Training a client's first round again gives the same weights with the joint statistics, others with its own."""
    output, ledger = done
    config = resolve(run_config(output=str(output)))
    clients = [client_module.Client(number, *named) for number, named in enumerate(config.clients)]
    own = [client_module.introduce(client, config).statistics for client in clients]
    joint = to_plain(merged_statistics(own))
    start = to_record(trainable_parameters(load_policy(checkpoint_path(output, 0))))

    def digest_after_round_one(client, statistics):
        assignment = Assignment(digest=ledger.aggregations[0].digest_in, statistics=statistics)
        _, training = client_module.train(
            client, config, start, assignment=assignment, number=1, mu=config.effective_mu
        )
        return training.digest_out

    for client, statistics in zip(clients, own, strict=True):
        [trained] = [one.digest_out for one in ledger.trainings if (one.client, one.round) == (client.name, 1)]
        assert digest_after_round_one(client, joint) == trained
        assert digest_after_round_one(client, statistics) != trained


def test_the_ledger_and_the_checkpoints_name_no_path_of_this_machine(done, cache, tmp_path_factory):
    output, _ = done
    texts = [path.read_text() for path in (output / "ledger.jsonl", *output.rglob("*.json"))]

    assert not any(str(place) in text for text in texts for place in (cache, tmp_path_factory.getbasetemp()))


def test_the_same_seed_gives_the_same_ledger_bit_for_bit_and_another_seed_another(done, federate):
    _, ledger = done

    _, again = federate()
    _, other = federate(seed=1)

    assert again.comparable() == ledger.comparable()
    assert [one.policy_loss for one in other.trainings] != [one.policy_loss for one in ledger.trainings]


def test_the_last_checkpoint_holds_what_was_aggregated(done):
    output, ledger = done
    number, path = last_checkpoint(output)

    assert number == 2
    assert digest_of(trainable_parameters(load_policy(path))) == ledger.aggregations[-1].digest_out


def test_fedavg_and_fedprox_with_mu_zero_are_the_same_to_the_last_bit(federate):
    _, average = federate(strategy="fedavg")
    _, proximal = federate(strategy="fedprox", proximal_mu=0.0)

    assert [one.digest_out for one in average.aggregations] == [one.digest_out for one in proximal.aggregations]


def test_one_client_one_round_without_a_proximal_term_is_local_training(federate, recordings, run_config):
    """With `test_loop`'s equivalence this makes a federation of one equal to LeRobot's own loop."""
    _, ledger = federate(data=str(recordings["lift-left"]), rounds=1, proximal_mu=0.0)
    [training], [aggregation] = ledger.trainings, ledger.aggregations

    assert aggregation.digest_out == training.digest_out


def interrupt(federate, monkeypatch, output, number, **changes):
    """Run a federation that is interrupted in a round."""
    real = client_module.run_training_loop

    def dies(components, batches, **arguments):
        if arguments["purpose"][1] == number:
            raise KeyboardInterrupt
        return real(components, batches, **arguments)

    monkeypatch.setattr(client_module, "run_training_loop", dies)
    with pytest.raises(KeyboardInterrupt):
        federate(output=output, **changes)
    monkeypatch.undo()
    assert last_checkpoint(output)[0] == number - 1


def test_a_run_that_was_interrupted_goes_on_as_if_it_had_not_been(federate, done, tmp_path, monkeypatch):
    _, whole = done
    output = tmp_path / "interrupted"
    interrupt(federate, monkeypatch, output, 2)

    _, resumed = federate(output=output, resume=True)

    assert resumed.comparable() == whole.comparable()


def test_the_servers_momentum_survives_an_interruption(federate, tmp_path, monkeypatch):
    changes = {"rounds": 3, "local_steps": 2, "server_momentum": 0.5}
    _, whole = federate(**changes)
    output = tmp_path / "interrupted"
    interrupt(federate, monkeypatch, output, 3, **changes)

    _, resumed = federate(output=output, resume=True, **changes)

    assert resumed.comparable() == whole.comparable()


@pytest.mark.parametrize(("bits", "share"), [(16, 0.5), (8, 0.26)])
def test_clients_send_fewer_bytes_and_the_chain_of_digests_holds(done, federate, bits, share):
    _, whole = done

    _, ledger = federate(update_bits=bits)

    full = [reply.size for one in whole.aggregations for reply in one.accepted]
    sizes = [reply.size for one in ledger.aggregations for reply in one.accepted]
    assert max(sizes) <= share * min(full) + 4000  # the names of the tensors are as long as before
    first, second = ledger.aggregations
    assert not first.rejected
    assert not second.rejected
    assert first.digest_out == second.digest_in
    loss, losses = ledger.evaluations[-1].loss, whole.evaluations[-1].loss
    assert loss == pytest.approx(losses, rel=0.05)
    assert loss != losses


def test_relative_actions_are_trained_and_in_the_checkpoint(done, federate):
    _, whole = done

    output, ledger = federate(relative_actions=True, rounds=1)

    saved = (checkpoint_path(output, 1) / "policy_preprocessor.json").read_text()
    assert '"relative_actions_processor"' in saved
    with pytest.raises(ConfigurationError, match="how far each joint goes") as refused:
        federate(policy=str(checkpoint_path(output, 1)), rounds=1)
    assert "relative-actions=true" in refused.value.remedy
    frames = [[one.training_frames for one in each.opened.clients] for each in (ledger, whole)]
    assert frames[0] == frames[1]  # and not the actions of all chunks
    assert ledger.evaluations[0].loss != whole.evaluations[0].loss  # of the same policy, in other units


def test_a_finished_run_is_not_resumed_and_not_overwritten(done, federate):
    output, _ = done
    before = (output / "ledger.jsonl").read_bytes()

    with pytest.raises(ConfigurationError, match="has done 2 rounds of 2"):
        federate(output=output, resume=True)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        federate(output=output)

    assert (output / "ledger.jsonl").read_bytes() == before


def test_a_run_is_not_resumed_with_another_configuration(done, federate, tmp_path):
    output, _ = done
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    shutil.rmtree(checkpoint_path(copy, 2))

    with pytest.raises(ConfigurationError, match="another learning-rate"):
        federate(output=copy, resume=True, learning_rate=5e-4)


def test_a_run_that_is_older_than_a_key_is_resumed(done, federate, tmp_path):
    output, whole = done
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    shutil.rmtree(checkpoint_path(copy, 2))
    opened, *others = (copy / "ledger.jsonl").read_text().splitlines()
    event = json.loads(opened)
    del event["configuration"]["adaptive-mu"]
    (copy / "ledger.jsonl").write_text("\n".join([json.dumps(event), *others]) + "\n")

    _, resumed = federate(output=copy, resume=True)

    assert resumed.aggregations[-1].digest_out == whole.aggregations[-1].digest_out


def test_there_is_nothing_to_resume_in_an_empty_folder(federate, tmp_path):
    with pytest.raises(ConfigurationError, match="no checkpoint to resume from"):
        federate(output=tmp_path / "empty", resume=True)


def test_a_round_in_which_every_client_fails_ends_the_run_and_the_ledger_says_so(federate, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no frame")

    monkeypatch.setattr(client_module, "run_training_loop", broken)

    with pytest.raises(RoundFailedError, match="round 1 has no valid reply"):
        federate(output=tmp_path / "failed")

    ledger = read_ledger(tmp_path / "failed" / "ledger.jsonl")
    assert ledger.closed.outcome == "failed"
    assert ledger.closed.rounds == 0
    assert "RuntimeError: no frame" in ledger.closed.reason


def test_flowers_log_goes_into_the_runs_folder(done):
    output, _ = done

    assert "[ROUND 2/2]" in (output / "flower.log").read_text()


@pytest.mark.slow
def test_the_simulation_engine_gives_the_same_results_within_the_order_of_sums(done, run_config, tmp_path):
    """In a process of its own: Ray leaves files open and warns, which is not ours to mend."""
    _, inline = done
    given = run_config(output=str(tmp_path / "ray"))
    program = f"from zk0.federation import engines; engines.run('simulation', {given!r}, lambda *_: None)"

    # Of a session of its own: Ray's workers may outlive it, and this process, to which they come, then sees them end.
    command = [sys.executable, "-c", program]
    subprocess.run(command, check=True, timeout=300, capture_output=True, start_new_session=True)

    ray = read_ledger(tmp_path / "ray" / "ledger.jsonl")
    assert [one.client for one in ray.trainings] == [one.client for one in inline.trainings]
    for ours, theirs in zip(inline.evaluations, ray.evaluations, strict=True):
        assert theirs.loss == pytest.approx(ours.loss, rel=1e-4)
    for ours, theirs in zip(inline.trainings, ray.trainings, strict=True):
        assert theirs.settings == ours.settings
        assert theirs.policy_loss == pytest.approx(ours.policy_loss, rel=1e-4)


def test_closed_loop_results_have_an_interval(federate):
    _, ledger = federate(data="sim:lift-left", episodes=3, rounds=1, rollouts=2)

    [result] = ledger.rollouts
    assert result.dataset == "lift-left"
    assert result.episodes == 2
    assert 0 <= result.low <= result.successes / 2 <= result.high <= 1
