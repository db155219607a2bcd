import pytest

from zk0.core.errors import AssetMissingError

CODE = '''"""What is shown."""


class Shown:
    """What is told."""

    def told(self):
        """Tell."""

    def bare(self): ...

    def _own(self): ...


def _inner(): ...
'''


def test_public_names_without_a_docstring_are_counted(small):
    small.write({"small/a.py": CODE})

    [finding] = small.ask("docstrings.public")

    assert finding.verdict == "fail"
    assert finding.message == (
        "75.0 % of 4 public names have a docstring, 95 % wanted; the first without: small/a.py:10 Shown.bare"
    )
    assert small.verdicts("docstrings.public", percent=70) == {"pass"}


def test_a_function_that_raises_says_so(small):
    code = 'class OwnError(Exception): ...\n\ndef f():\n    """Do.{more}"""\n    raise OwnError("no")\n'
    small.write({"small/a.py": code.format(more="")})
    assert small.verdicts("docstrings.errors") == {"warn"}

    small.write({"small/a.py": code.format(more="\n\n    Raises:\n        OwnError: always.\n    ")})
    assert small.verdicts("docstrings.errors") == {"pass"}


def test_a_convention_is_a_rule_that_a_program_applies(small):
    small.write({"small/a.py": "", "pyproject.toml": '[tool.ruff.lint]\nselect = ["E"]\n'})
    assert small.verdicts("docstrings.convention") == {"warn"}
    small.write({"pyproject.toml": '[tool.ruff.lint]\nselect = ["D"]\npydocstyle = {convention = "google"}\n'})
    assert small.verdicts("docstrings.convention") == {"pass"}


def test_what_ruff_does_by_default_is_no_choice_of_the_project(small):
    small.write({"small/a.py": ""})

    with pytest.raises(AssetMissingError):
        small.ask("docstrings.convention")
    small.write({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"})
    assert small.verdicts("docstrings.convention") == {"warn"}
