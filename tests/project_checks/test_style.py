import pytest

from zk0.core.errors import AssetMissingError

RUFF = '[tool.ruff.lint]\nselect = ["F"]\n'


def test_the_linter_s_complaints_are_findings_with_places(small):
    small.write({"pyproject.toml": RUFF, "small/a.py": "import os\n"})

    [finding] = small.ask("style.lint")

    assert (finding.verdict, finding.at) == ("fail", "small/a.py:1")
    assert "F401" in finding.message
    small.write({"small/a.py": ""})
    assert small.verdicts("style.lint") == {"pass"}


def test_a_file_that_the_formatter_would_change_is_named(small):
    small.write({"pyproject.toml": RUFF, "small/a.py": "x=1\n"})

    assert [finding.at for finding in small.ask("style.format")] == ["small/a.py"]
    small.write({"small/a.py": "x = 1\n"})
    assert small.verdicts("style.format") == {"pass"}


def test_a_linter_that_can_t_read_its_configuration_is_no_pass(small):
    small.write({"pyproject.toml": '[tool.ruff.lint]\nselect = ["NOSUCHRULE"]\n', "small/a.py": ""})

    findings = small.ask("style.lint")

    assert {str(finding.verdict) for finding in findings} == {"fail"}
    assert any("exit status 2" in finding.message for finding in findings)


def test_code_against_pep_8_is_found_whatever_rules_are_selected(small):
    small.write({"pyproject.toml": '[tool.ruff.lint]\nselect = ["D417"]\n', "small/a.py": "x = 1; y = 2\n"})

    assert [finding.at for finding in small.ask("style.lint")] == ["small/a.py:1"]


def test_without_a_linter_nothing_is_known_of_style(small):
    with pytest.raises(AssetMissingError, match="no linter is configured"):
        small.ask("style.lint")
    assert small.verdicts("style.rules") == {"warn"}

    small.write({"small/a.py": "", "pyproject.toml": "[tool.ruff.lint]\nselect = []\n"})
    assert small.verdicts("style.rules") == {"warn"}
    small.write({"pyproject.toml": RUFF})
    assert small.verdicts("style.rules") == {"pass"}
