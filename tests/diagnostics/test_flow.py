"""The parameters of each round, at every boundary, by digest and norm."""

from zk0.diagnostics.flow import FLOW_HEAD, flow_rows
from zk0.ledger import Aggregation, Evaluation, Ledger, Reply


def round_of(number, sent, out, norm):
    reply = Reply(client="a", weight=1.0, digest=f"{number}a000000", update_norm=0.25)
    return Aggregation(
        round=number, sampled=["a"], accepted=[reply], rejected=[], digest_in=sent, digest_out=out,
        update_norm=0.25, weight_norm=norm,
    )  # fmt: skip


def test_what_comes_back_and_what_is_sent_next_stand_side_by_side():
    evaluation = Evaluation(round=1, dataset="a", role="held-out", loss=1.0, frames=3, digest="1111111100")
    first, second = round_of(1, "0000000000", "1111111100", 2.5), round_of(2, "0000000000", "2222222200", 3.0)

    rows = flow_rows(Ledger((first, evaluation, second)))

    assert dict(zip(FLOW_HEAD, rows[0], strict=True)) == {
        "round": "1",
        "sent to fit": "00000000",
        "returned": "a 1a000000, moved by 0.25",
        "aggregated": "11111111, 2.5",
        "sent to evaluate": "11111111, 2.5",
        "sent to next fit": "00000000",  # and not what was aggregated
    }
    assert rows[1][-1] == "the last round"


def test_what_a_log_does_not_tell_is_not_made_up():
    silent = Aggregation(
        round=1, sampled=[], accepted=[], rejected=[], digest_in=None, digest_out=None, update_norm=None,
        missing={"digest_out": "not in the log"},
    )  # fmt: skip

    assert flow_rows(Ledger((silent,))) == [["1", "unknown", "nothing", "unknown", "unknown", "the last round"]]
