"""One value of `[tool.flwr.app.config]` is read and changed; the rest of the file stays as it is."""

import pytest

from zk0.core.errors import ConfigurationError, UnknownNameError
from zk0.federation.project_file import read_or_default, read_value, set_value, validate_value

WRITTEN = """\
[tool.flwr.app.config]
proximal_mu = 0.1 # as the paper has it
  rounds = 3
[tool.flwr.app.config.more]
proximal_mu = 5
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text(WRITTEN)
    return path


def test_a_key_is_found_in_either_spelling_with_its_line_and_comment(file):
    found = read_value(file, "proximal-mu")

    assert (found.value, found.comment, found.line) == (0.1, "as the paper has it", 2)
    assert read_or_default(file, "proximal-mu")[0] == "proximal_mu"


def test_a_value_is_changed_where_it_stands(file):
    set_value(file, "proximal-mu", 0.001, "better, as 8 seeds showed")

    assert file.read_text() == WRITTEN.replace("0.1 # as the paper has it", "0.001 # better, as 8 seeds showed")


def test_indentation_stays(file):
    set_value(file, "rounds", 4)

    assert file.read_text() == WRITTEN.replace("  rounds = 3", "  rounds = 4")


def test_a_boolean_has_a_comment_too(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.flwr.app.config]\nresume = true  # once\n")

    set_value(path, "resume", False)

    assert path.read_text() == "[tool.flwr.app.config]\nresume = false  # once\n"
    assert read_value(path, "resume").comment == "once"


def test_a_key_of_a_table_is_found_and_changed_as_flower_flattens_it(file):
    found = read_value(file, "more.proximal-mu")
    assert (found.value, found.line) == (5, 5)

    set_value(file, "more.proximal-mu", 6)

    assert file.read_text() == WRITTEN.replace("= 5", "= 6")
    file.write_text("[tool.flwr.app.config]\nmore.mu = 1 # dotted\n")
    assert (read_value(file, "more.mu").comment, read_value(file, "more.mu").line) == ("dotted", 2)
    with pytest.raises(UnknownNameError) as raised:
        read_or_default(file, "more.xyz")
    assert "more.mu" in raised.value.remedy


def test_what_is_not_there_is_zk0s_default_or_unknown(file):
    assert read_or_default(file, "batch_size") == ("batch-size", 32, None)
    with pytest.raises(UnknownNameError, match="no key 'batchsize'"):
        read_or_default(file, "batchsize")


def test_a_value_goes_with_the_others_in_the_file(file):
    assert validate_value(file, "rounds", "5") == 5
    with pytest.raises(ConfigurationError, match="greater than or equal to 1"):
        validate_value(file, "rounds", "0")


@pytest.mark.parametrize(("text", "message"), [("a = [", "can't be read"), ("[tool]\n", r"has no \[tool\.flwr")])
def test_a_broken_file_is_named(tmp_path, text, message):
    path = tmp_path / "pyproject.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=message):
        read_value(path, "proximal-mu")


def test_a_list_is_not_one_value(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.flwr.app.config]\nproximal-mu = [1, 2]\n")

    with pytest.raises(ConfigurationError, match="not one value"):
        read_value(path, "proximal-mu")
