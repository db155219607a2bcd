"""The picture and the table of a campaign show every mu, the noise and the decision."""

import xml.etree.ElementTree as ET

import pytest

from zk0.tuning.campaign import Campaign, CampaignSettings
from zk0.tuning.measurements import InOrder, Measurement
from zk0.tuning.picture import draw
from zk0.tuning.report import results_of, table_of


def measure(mu, seed):
    if mu == 0.01:
        return Measurement(mu=mu, seed=seed, failure="not finite")
    losses = {"a": 1 + (mu - 1) ** 2 / 50 + seed / 1000, "b": 1.5 + (mu - 1) ** 2 / 50}
    return Measurement(mu=mu, seed=seed, losses=losses, rounds={1: 2.0, 2: losses["a"]}, steps=10, drift=0.5, ratio=0.1)


@pytest.fixture(scope="module")
def result():
    campaign = Campaign(CampaignSettings(current=10.0, problem="p"), None, InOrder(measure))
    campaign.descend()
    return campaign.confirm()


def test_the_picture_is_the_same_every_time_and_has_three_panels(result, tmp_path):
    draw(result, tmp_path / "a.svg")
    draw(result, tmp_path / "b.svg")

    root = ET.fromstring((tmp_path / "a.svg").read_text())
    groups = [one.get("id") for one in root.iter("{http://www.w3.org/2000/svg}g")]
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert [name for name in groups if name and name.startswith("axes_")] == ["axes_1", "axes_2", "axes_3"]


def test_the_table_has_a_row_for_each_mu_and_says_what_failed(result):
    head, *rows = table_of(result)
    by_mu = {row[0]: dict(zip(head, row, strict=True)) for row in rows}

    assert by_mu["0.01"]["held-out loss"] == "failed: not finite"
    assert by_mu["10"]["to current (95 %)"] == ""
    assert by_mu["1"]["worst client"].startswith("b ")
    assert by_mu["1, confirmation"]["seeds"] == "8"
    assert by_mu["1"]["mu·drift/‖∇F‖"] == "0.1"


def test_the_numbers_to_keep_name_both_values(result):
    assert [one["name"] for one in results_of(result)] == [
        "proximal mu",
        "noise between seeds",
        "held-out loss at mu 10",
        "held-out loss at mu 1",
    ]
