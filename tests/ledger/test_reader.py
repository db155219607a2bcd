"""A torn last line is told and tolerated, any other damage is refused with its place."""

from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk0.core.errors import LedgerError
from zk0.ledger import Aggregation, Ledger, Resources, RunClosed, RunOpened, read_ledger
from zk0.ledger.schema import OPTIONAL_SERIES


@pytest.fixture(scope="session")
def lines(events) -> list[bytes]:
    return [event.model_dump_json().encode() + b"\n" for event in events]


def test_what_was_written_is_read_again(events, lines, tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"".join(lines))

    ledger = read_ledger(path)

    assert ledger == Ledger(events, str(path), torn=False)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_ledger_cut_at_any_byte_tells_a_beginning_and_that_it_is_torn(events, lines, data):
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    with NamedTemporaryFile() as file:
        Path(file.name).write_bytes(whole[:cut])

        ledger = read_ledger(Path(file.name))

    complete, _, rest = whole[:cut].rpartition(b"\n")
    entire = rest + b"\n" in lines  # only the newline is missing
    assert ledger.events == events[: len(complete.splitlines()) + entire]
    assert ledger.torn == (bool(rest) and not entire)


def test_a_line_torn_within_a_character_is_a_torn_line(lines, tmp_path):
    path = tmp_path / "ledger.jsonl"
    within = lines[0].index("机".encode()) + 1
    path.write_bytes(lines[1] + lines[0][:within])

    ledger = read_ledger(path)

    assert ledger.torn
    assert len(ledger.events) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"not JSON\n", "Invalid JSON"),
        (b'{"event": "evaluation", "round": 1\n', "Invalid JSON"),
        (b'{"event": "applause"}\n', "applause"),
        (b'{"event": "closed", "outcome": "done"}\n', r"closed\.rounds: Field required"),
        (b'{"event": "closed", "outcome": "done", "rounds": 1, "joy": 1}\n', r"closed\.joy: Extra inputs"),
        (b'{"event": "evaluation", "missing": 3}\n', r"evaluation\.round: Field required"),
        (b"\xff\xfe\n", "Invalid JSON"),
    ],
)
@pytest.mark.parametrize("after", [0, 2])
def test_any_other_bad_line_is_refused_with_its_number(lines, tmp_path, bad, reason, after):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"".join([*lines[:2], bad, *lines[2 : 2 + after]]))

    with pytest.raises(LedgerError, match=rf"ledger\.jsonl:3: not a ledger event: .*{reason}") as raised:
        read_ledger(path)

    assert raised.value.remedy.startswith("restore the file")


def test_a_ledger_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LedgerError, match=r"no ledger at .*ledger\.jsonl"):
        read_ledger(tmp_path / "ledger.jsonl")


def test_an_empty_ledger_knows_nothing(tmp_path):
    (tmp_path / "ledger.jsonl").touch()

    ledger = read_ledger(tmp_path / "ledger.jsonl")

    assert (ledger.events, ledger.torn, ledger.opened, ledger.closed, ledger.last_round) == ((), False, None, None, 0)


def test_events_are_found_by_their_kind(ledger):
    assert ledger.opened.seed == 7
    assert ledger.closed.outcome == "done"
    assert [training.round for training in ledger.trainings] == [1]
    assert [one.digest_out for one in ledger.aggregations] == ["b"]
    assert [one.round for one in ledger.evaluations] == [0, 1]
    assert [one.task for one in ledger.rollouts] == ["lift-left"]


def test_the_last_round_is_the_last_with_an_aggregate(ledger):
    aggregation = ledger.aggregations[0]
    failed = Aggregation(**aggregation.model_dump() | {"round": 2, "digest_out": None, "update_norm": None})

    assert Ledger((aggregation, failed)).last_round == 1


def test_until_a_round_is_everything_up_to_it_without_the_end(ledger):
    is_repeated = [one.model_copy(update={"round": 2}) for one in (*ledger.trainings, *ledger.aggregations)]
    longer = Ledger((*ledger.events[:-1], *is_repeated, ledger.closed))

    assert longer.until(1) == ledger.events[:-1]
    assert longer.until(2) == longer.events[:-1]
    assert [type(event) for event in longer.until(0)] == [RunOpened, type(ledger.evaluations[0])]
    assert not any(isinstance(event, RunClosed) for event in longer.until(99))


def test_two_runs_compare_without_their_resources_and_with_everything_else(ledger):
    slower = [event.model_copy(update={"resources": Resources(seconds=99.0)}) for event in ledger.events]

    assert Ledger(tuple(slower)).comparable() == ledger.comparable()
    for event, shown in zip(ledger.events, ledger.comparable(), strict=True):
        assert shown.keys() == type(event).model_fields.keys() - {"resources", *OPTIONAL_SERIES}


def test_two_runs_that_differ_in_one_loss_do_not_compare_equal(ledger):
    other = [
        event.model_copy(update={"loss": 0.76}) if getattr(event, "loss", None) == 0.75 else event
        for event in ledger.events
    ]

    assert Ledger(tuple(other)).comparable() != ledger.comparable()
