import pytest

from zk0.core.errors import AssetMissingError


def test_functions_without_types_are_counted(small):
    small.write({"small/a.py": "def f(x: int) -> int: ...\ndef g(x): ...\nclass C:\n    def __init__(self): ...\n"})

    [finding] = small.ask("types.stated")

    assert finding.verdict == "fail"
    assert finding.message.endswith("the first without: small/a.py:2 g")
    assert small.verdicts("types.stated", percent=60) == {"pass"}


@pytest.mark.parametrize("settings", ['files = ["small"]', "strict = false"])
def test_what_the_type_checker_finds_is_a_finding(small, settings):
    small.write({"pyproject.toml": f"[tool.mypy]\n{settings}\n", "small/a.py": "x: int = 'one'\n"})

    [finding] = small.ask("types.checked")

    assert (finding.verdict, finding.at) == ("fail", "small/a.py:1")
    assert "[assignment]" in finding.message


def test_without_a_type_checker_nothing_is_known(small):
    with pytest.raises(AssetMissingError, match="no type checker"):
        small.ask("types.checked")
