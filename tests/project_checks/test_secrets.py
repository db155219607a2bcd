import pytest

from zk0.core.errors import AssetMissingError
from zk0.project_checks.secrets import digest_of

TOKEN = "hf_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1b"


def test_a_token_in_a_file_is_found_with_its_line_and_never_shown(small):
    small.write({"small/a.py": f"x = 1\n# token = '{TOKEN}'\n"})

    [finding] = small.ask("secrets.files")

    assert (finding.verdict, finding.at) == ("fail", "small/a.py:2")
    assert TOKEN not in finding.model_dump_json()


def test_a_value_that_is_made_up_is_known_by_its_digest_and_exempts_no_other(small):
    other = "hf_" + "zZ9yY8xX7wW6vV5uU4tT3sS2rR1qQ0pP9o"
    invented = (digest_of(TOKEN), digest_of("hunter2horse"))
    small.write({"tests/a.py": f"# token = '{TOKEN}'\n", "a.ini": "password = hunter2horse\n"}).commit()
    assert small.verdicts("secrets.files", invented=invented) == {"pass"}
    assert small.verdicts("secrets.history", invented=invented) == {"pass"}

    small.write({"tests/a.py": f"# token = '{TOKEN}'\n# token = '{other}'\n", "a.ini": "password = horse2hunter\n"})
    small.commit()

    assert {found.at for found in small.ask("secrets.files", invented=invented)} == {"tests/a.py:2", "a.ini:1"}
    assert {found.at for found in small.ask("secrets.history", invented=invented)} == {"tests/a.py:2", "a.ini:1"}


def test_a_token_that_was_removed_is_still_in_the_history(small):
    small.write({"a.txt": f"one\n{TOKEN}\n"}).commit()
    small.write({"a.txt": "one\n"}).commit()

    [finding] = small.ask("secrets.history")

    assert small.verdicts("secrets.files") == {"pass"}
    assert (finding.verdict, finding.at) == ("fail", "a.txt:2")
    assert finding.message.endswith("holds a hugging-face-token")


def test_logs_of_runs_are_read_and_nothing_is_known_without_any(small):
    with pytest.raises(AssetMissingError, match="no workflow has run yet"):
        small.ask("secrets.logs")

    small.write({".zk0/runs/r/logs/a.log": "epoch 1\n"})
    assert small.verdicts("secrets.logs") == {"pass"}

    small.write({".zk0/runs/r/logs/a.log": f"login {TOKEN}\n"})
    assert [finding.at for finding in small.ask("secrets.logs")] == [".zk0/runs/r/logs/a.log:1"]


@pytest.mark.parametrize(
    ("name", "line", "held"),
    [
        ("a.ini", "password = hunter2horse", True),
        ("a.env", "export DB_PASSWORD=hunter2horse", True),
        ("a.json", '"passphrase": "hunter2horse",', True),
        ("a.ini", "password = ${PASSWORD}", False),
        ("a.yaml", "password: string", False),
        ("small/a.py", 'password = "hunter2horse"', True),
        ("small/a.py", 'password_missing = "password-missing"', False),
        ("small/a.py", "password = ask()", False),
        ("small/a.py", 'END_TOKEN = "<end>"', False),
        ("small/a.py", 'token_weighting = "linear"', False),
        ("small/a.py", 'TOKEN_ACTION_PREFIX = "act"', False),
        ("small/a.py", 'api_token = "hunter2horse"', True),
        ("small/a.py", 'token_secret = "hunterhorse"', True),
        ("small/a.py", 'token_of_prod = "hunter2horse"', True),
    ],
)
def test_a_password_in_words_is_found_in_settings_and_code(small, name, line, held):
    small.write({name: f"{line}\n"})

    assert small.verdicts("secrets.files") == ({"fail"} if held else {"pass"})
