"""The commands, tables and settings of docs/agents.md."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import anyio

from zk0.agents.layouts import LAYOUTS
from zk0.agents.server import build_server

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_command_and_option_of_the_page_exists(command):
    lines = [shlex.split(line, comments=True) for block in blocks("bash") for line in block.splitlines()]
    lines += [shlex.split(text) for text in re.findall(r"`(zk0 [a-z][^`A-Z]*)`", PAGE)]

    for _, *words in (line for line in lines if line[0] == "zk0"):
        names = [word for word in words if not word.startswith("-")][: 2 if words[0] == "agents" else 1]
        status, shown, _ = command(*names, "--help")
        assert status == 0, words
        assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", shown)), words


def test_files_are_written_checked_and_removed_as_the_page_says(command):
    for line in blocks("bash")[0].splitlines():
        status, _, err = command(*shlex.split(line, comments=True)[1:])
        assert status == 0, err


def test_the_tables_name_all_layouts_and_tools():
    for layout in LAYOUTS.values():
        assert f"| `{layout.name}` | `{layout.pattern()}` |" in PAGE
    tools = anyio.run(build_server(Path.cwd(), resume=print).list_tools)
    assert {tool.name for tool in tools} == set(re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE))


def test_the_settings_start_the_server():
    [shared] = blocks("json")
    [codex] = blocks("toml")
    for servers in (json.loads(shared)["mcpServers"], tomllib.loads(codex)["mcp_servers"]):
        assert servers == {"zk0": {"command": "zk0", "args": ["mcp"]}}
