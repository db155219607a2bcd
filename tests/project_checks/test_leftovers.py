import pytest


def test_debuggers_and_prints_are_left_over(small):
    small.write(
        {"small/a.py": "breakpoint()\nprint(1)\n", "tests/test_a.py": "print(1)\nimport pdb; pdb.set_trace()\n"}
    )

    assert {finding.at for finding in small.ask("leftovers.debugging")} == {
        "small/a.py:1",
        "small/a.py:2",
        "tests/test_a.py:2",
    }


@pytest.mark.parametrize(
    "line",
    [
        "from pdb import set_trace",
        "import ipdb as i",
        "from code import interact",
        "from pprint import pprint; pprint(1)",
    ],
)
def test_debuggers_and_prints_by_other_names_are_left_over_too(small, line):
    small.write({"small/a.py": f"{line}\n"})

    assert {(str(one.verdict), one.at) for one in small.ask("leftovers.debugging")} == {("fail", "small/a.py:1")}


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX", "HACK"])
def test_each_mark_of_unfinished_work_counts(small, word):
    small.write({"small/a.py": f"# {word} later\n"})

    assert small.verdicts("leftovers.to-do") == {"warn"}


def test_a_thing_to_do_is_doubtful(small):
    small.write({"small/a.py": "x = 1  # TODO: two\ny = '# TODO: a text'\n"})

    assert [(str(one.verdict), one.at) for one in small.ask("leftovers.to-do")] == [("warn", "small/a.py:1")]


def test_backups_of_editors_are_left_over(small):
    small.write({"small/a.py": "", "small/a.py.orig": ""}).commit()

    assert [finding.at for finding in small.ask("leftovers.files")] == ["small/a.py.orig"]


def test_clean_code_has_none_of_them(small):
    small.write({"small/a.py": "x = 1\n"})

    for check in ("leftovers.debugging", "leftovers.to-do", "leftovers.files"):
        assert small.verdicts(check) == {"pass"}
