def test_debuggers_and_prints_are_left_over(small):
    small.write(
        {"small/a.py": "breakpoint()\nprint(1)\n", "tests/test_a.py": "print(1)\nimport pdb; pdb.set_trace()\n"}
    )

    told = [(finding.at, finding.message) for finding in small.ask("leftovers.debugging")]

    assert told == [
        ("small/a.py:1", "calls breakpoint"),
        ("small/a.py:2", "prints"),
        ("tests/test_a.py:2", "calls pdb.set_trace"),
    ]


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
