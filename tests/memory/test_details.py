"""What `tasks.md` leaves out first where it grows too long."""

from collections.abc import Mapping

from zk0.memory.details import detailed


def render(levels: Mapping[str, int], left_out: list[str]) -> str:
    return "".join("x" * (4 - level) for level in levels.values()) + "|" + "; ".join(left_out)


def sizes(budget: int) -> str:
    return detailed(["old", "new"], lambda levels, left_out: render(levels, []), budget).partition("|")[0]


def test_all_is_told_where_there_is_room() -> None:
    assert detailed(["old", "new"], render, 100) == "xxxxxxxx|"


def test_the_workflow_used_longest_ago_is_shortened_first_and_each_part_of_all_before_the_next() -> None:
    assert [len(sizes(budget)) for budget in (8, 7, 6, 5)] == [7, 6, 5, 4]


def test_what_is_left_out_is_named() -> None:
    told: list[list[str]] = []

    def page(levels: Mapping[str, int], left_out: list[str]) -> str:
        told.append(left_out)
        return "x" * (20 - sum(levels.values()))

    detailed(["old", "new"], page, 17)

    assert told[-1] == ["inputs of all workflows", "notes and issues of `old`"]
