from zk0.project_checks.tools import LINTERS, TYPE_CHECKERS, configured


def test_a_tool_is_known_by_its_table_or_its_file(small):
    assert configured(small.project, LINTERS) is None

    small.write({".flake8": "[flake8]\n", "mypy.ini": "[mypy]\n"})

    assert configured(small.project, LINTERS).name == "flake8"
    assert configured(small.project, TYPE_CHECKERS).name == "mypy"
