"""Numbers come from receipts, and each can be found there again."""

from collections.abc import Callable

import pytest

from zk0.core.errors import UnknownNameError
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Evidence, Verdict, passed
from zk0.memory.receipt_values import evidence_of, numbers_of, value_at

type MakeReceipt = Callable[..., Receipt]


@pytest.fixture
def receipt(make_receipt: MakeReceipt) -> Receipt:
    """Give a receipt with two results and the evidence of a finding."""
    evidence = [
        Evidence(name="first loss", value=1.25, at="client 1"),
        Evidence(name="why", value="a text is no number"),
        Evidence(name="steps", value=200, unit="steps"),
        Evidence(name="not measured", value=None),
        Evidence(name="not finite", value=float("nan")),
    ]
    finding = passed("falls", evidence=evidence, at="round 1").model_copy(update={"check": "loss.trend"})
    results = [
        {"name": "held-out loss", "value": 0.5, "unit": ""},
        {"name": "no value"},
        {"name": "episodes", "value": 32, "unit": "episodes"},
        {"name": "is it good?", "value": True},
    ]
    return make_receipt(finding, outputs={"results": results})


def test_results_are_told_and_what_passed_stays_in_the_receipt(receipt: Receipt) -> None:
    told = [(source.name, source.value, source.unit) for source in numbers_of([receipt])]

    assert told == [("held-out loss", 0.5, ""), ("episodes", 32, "episodes")]


def test_beside_results_the_numbers_of_what_did_not_pass_are_told(receipt: Receipt, make_receipt: MakeReceipt) -> None:
    warning = receipt.findings[0].model_copy(update={"verdict": Verdict.warned})

    told = [(source.name, source.value, source.unit) for source in numbers_of([make_receipt(warning), receipt])]

    assert told == [
        ("held-out loss", 0.5, ""),
        ("episodes", 32, "episodes"),
        ("loss.trend: first loss (client 1)", 1.25, ""),
        ("loss.trend: steps (round 1)", 200, "steps"),
    ]


def test_where_no_action_names_results_all_evidence_is_told(receipt: Receipt, make_receipt: MakeReceipt) -> None:
    assert [source.value for source in numbers_of([make_receipt(*receipt.findings)])] == [1.25, 200]


def test_every_number_is_found_again_in_its_receipt(receipt: Receipt) -> None:
    for source in (*numbers_of([receipt]), *evidence_of(receipt)):
        assert source.receipt == receipt.digest
        assert source.metric
        assert value_at(receipt, source.metric) == source.value


@pytest.mark.parametrize("outputs", [{}, {"results": None}, {"results": "none"}, {"results": [1, "two"]}])
def test_outputs_without_results_give_no_numbers(make_receipt: MakeReceipt, outputs: dict[str, object]) -> None:
    assert numbers_of([make_receipt(outputs=outputs)]) == ()


@pytest.mark.parametrize("metric", ["findings.9.verdict", "nothing", "outputs.results.first.value", "verdict.deeper"])
def test_a_path_that_leads_nowhere_is_an_error(receipt: Receipt, metric: str) -> None:
    with pytest.raises(UnknownNameError, match="has nothing at"):
        value_at(receipt, metric)
