"""The card says what the receipts say, and *not measured* where they say nothing."""

import re
from dataclasses import replace

import pytest

from zk0.serving.card import COMPARED, LOCAL, SERVED, UNKNOWN, CardSources, render_card, unmeasured
from zk0.serving.results import LatencySummary, TaskResult
from zk0.serving.selection import PREPARED, TRAINED, choose, find_training
from zk0.simulator.rollout import Rollouts


@pytest.fixture
def sources(project):
    training = find_training(project)
    return CardSources(training, choose(training, "2"), {}, "arms", "")


def receipt(sources, uses, outputs):
    return sources.training.receipts[TRAINED].changed(uses=uses, step=uses, outputs=outputs)


def measured(sources):
    """Return the sources with receipts of a serving."""
    latency = LatencySummary.of([0.031], actions=10, period=0.1)

    def outputs(successes):
        found = TaskResult.of(Rollouts("lift-left", successes, (30,) * 20, 0))
        return {"tasks": [found.model_dump()], "latency": latency.model_dump()}

    serving = {
        LOCAL: receipt(sources, LOCAL, outputs(7)),
        SERVED: receipt(sources, SERVED, outputs(6)),
        COMPARED: receipt(sources, COMPARED, {"actions": 140, "largest": 0.0}),
    }
    return replace(sources, serving=serving)


def test_what_nobody_measured_is_not_in_the_card(sources):
    text = render_card(sources)

    assert unmeasured(sources) == ["success", "success through the server", "equality"]
    assert text.count(UNKNOWN) == 4  # success, latency, equality; and the commit, since this project is no repository
    assert "%" not in text.partition("## Loss")[0].partition("## Success")[2].partition("| milliseconds")[0]
    assert "Licence: not stated" in text
    assert "license:" not in text


def test_all_that_was_measured_is_in_the_card_with_its_receipt(sources):
    sources = measured(sources)
    text = render_card(sources)

    assert unmeasured(sources) == []
    assert "| lift-left | 7 of 20 (18% to 57%) | 6 of 20 (15% to 52%) | 12.5% |" in text
    assert "| local | 31.0 ms | 31.0 ms | 31.0 ms | 31.0 ms | 3.1 ms | 3.1 ms |" in text
    assert "140 actions that came through the server were computed again" in text
    for _, one in sources.receipts:
        assert f"`{one.digest}`" in text
    assert len(sources.receipts) == 7


def test_baseline_and_final_loss_are_the_ledger_s(sources):
    ledger = sources.training.ledger
    text = render_card(sources)

    for name in ("one", "two"):
        before, after = (
            next(one.loss for one in ledger.evaluations if (one.dataset, one.round) == (name, number))
            for number in (0, 2)
        )
        assert re.search(rf"\| {name} \| held-out \| \d+ \| {before:.3f} \| {after:.3f} \| ", text)
    assert f"| proximal-mu | {ledger.opened.configuration['proximal-mu'].value} |" in text
    assert "| clients | 2 (one, two) |" in text
    assert sources.choice.digest in text
    assert ledger.opened.frozen_digest in text


def test_another_round_has_another_loss_and_digest(sources):
    other = replace(sources, choice=choose(sources.training, "1"))

    assert "round 1 of 2" in render_card(other)
    assert other.choice.digest in render_card(other)
    assert sources.choice.digest not in render_card(other)


def test_a_policy_from_random_weights_is_not_called_pretrained(sources):
    text = render_card(sources)

    assert "trained from random weights" in text
    assert "base_model" not in text


def test_a_licence_is_stated_as_it_was_given(sources):
    text = render_card(replace(sources, licence="apache-2.0"))

    assert "\nlicense: apache-2.0\n" in text
    assert "- Licence: apache-2.0." in text


def test_a_folder_s_path_and_html_stay_out(sources):
    prepared = sources.training.receipts[PREPARED]
    sets = [{**prepared.outputs["sets"][0], "name": "<b>cups|", "source": "/home/alice/secret/cups"}]
    receipts = {**sources.training.receipts, PREPARED: prepared.changed(outputs={"sets": sets})}
    text = render_card(replace(sources, training=replace(sources.training, receipts=receipts)))

    assert "/home/alice" not in text
    assert "| &lt;b>cups\\| | a local folder | client |" in text


def test_without_a_receipt_of_the_data_the_card_says_so(sources):
    receipts = {key: one for key, one in sources.training.receipts.items() if key != PREPARED}
    without = replace(sources, training=replace(sources.training, receipts=receipts))

    assert "data sets" in unmeasured(without)
    assert f"| {UNKNOWN} | | | | | | | | |" in render_card(without)
