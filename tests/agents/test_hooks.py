"""Session hooks: only when asked, beside a person's own, and gone without a trace."""

import json
import subprocess

import pytest

from zk0.agents.hooks import DRAFT, HOOK_FILES, PRIME, add_hooks, remove_hooks
from zk0.core.errors import ConfigurationError

CLAUDE = HOOK_FILES["claude"]
SETTINGS = CLAUDE.path
HOOK = {"hooks": [{"type": "command", "command": PRIME}]}
OWN = {"hooks": [{"type": "command", "command": "make hello"}]}
SOMEBODYS = {"permissions": {"allow": ["Bash(ls)"]}, "hooks": {"SessionStart": [OWN], "Stop": [OWN]}}


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / SETTINGS
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("before", [SOMEBODYS, {"model": "x"}, {"hooks": {"Stop": [OWN]}}])
def test_a_person_s_settings_stay(tmp_path, settings, before):
    settings.write_text(json.dumps(before))

    assert [add_hooks(tmp_path, CLAUDE), add_hooks(tmp_path, CLAUDE)] == [True, False]
    merged = json.loads(settings.read_text())
    assert merged["hooks"]["SessionStart"] == [*before.get("hooks", {}).get("SessionStart", []), HOOK]
    assert [remove_hooks(tmp_path, CLAUDE), remove_hooks(tmp_path, CLAUDE)] == [True, False]

    assert json.loads(settings.read_text()) == before


@pytest.mark.parametrize("text", ["[]", '{"hooks": []}', '{"hooks": {"SessionStart": "x"}}', "{,", "// mine\n{}"])
def test_settings_that_can_t_be_merged_are_named_and_left(tmp_path, settings, text):
    settings.write_text(text)

    with pytest.raises(ConfigurationError, match=r"settings\.json"):
        add_hooks(tmp_path, CLAUDE)

    assert not remove_hooks(tmp_path, CLAUDE)
    assert settings.read_text() == text


def test_a_hook_in_settings_that_can_t_be_read_is_not_passed_over(tmp_path, settings):
    settings.write_text(f"// mine\n{json.dumps({'hooks': {'SessionStart': [HOOK]}})}")

    with pytest.raises(ConfigurationError):
        remove_hooks(tmp_path, CLAUDE)


def test_hooks_are_written_only_when_asked(program, command):
    settings = program.root / SETTINGS
    command("agents", "sync", "--for", "claude")
    assert not settings.exists()

    assert command("agents", "sync", "--for", "claude", "--hooks")[0] == 0
    hooks = json.loads(settings.read_text())["hooks"]
    assert {event: group["hooks"][0]["command"] for event, [group] in hooks.items()} == {
        "SessionStart": PRIME,
        "PreCompact": DRAFT,
        "SessionEnd": DRAFT,
    }
    assert command("agents", "remove")[0] == 0

    assert not (program.root / ".claude").exists()


def test_each_agent_in_use_gets_the_hooks_that_it_has(program, command):
    for name in (".codex", ".gemini", ".cursor"):
        (program.root / name).mkdir()
    (program.root / ".gemini/settings.json").write_text('{"theme": "dark"}')

    assert command("agents", "sync", "--hooks")[0] == 0
    assert not (program.root / ".claude").exists()
    assert set(json.loads((program.root / ".codex/hooks.json").read_text())["hooks"]) == {"SessionStart", "PreCompact"}
    assert PRIME not in (program.root / ".gemini/settings.json").read_text()  # it takes JSON alone
    assert command("agents", "remove")[0] == 0

    assert not (program.root / ".codex/hooks.json").exists()
    assert json.loads((program.root / ".gemini/settings.json").read_text()) == {"theme": "dark"}


def test_an_agent_without_hooks_is_no_success(program, command):
    status, _, said = command("agents", "sync", "--hooks", "--for", "cursor")

    assert (status, "claude" in said) == (2, True)


def test_what_a_hook_runs_prints_nothing_and_never_blocks_a_session(program):
    (program.root / "pyproject.toml").write_text("[tool.zk0]\nworkflows = 1\n")  # zk0 itself ends with 2

    done = subprocess.run(DRAFT, shell=True, cwd=program.root, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, b"")
