"""What an agent is given when it starts: at most 2,000 tokens in every layout, at three bytes a token."""

import json
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from zk0.agents.layouts import LAYOUTS, Form
from zk0.agents.rendering import description, render_block
from zk0.agents.server import BRIEF, INSTRUCTIONS, build_server
from zk0.core.project import Project
from zk0.memory.prime import prime
from zk0.workflow.loading import load
from zk0.workflow.names import workflow_files

BYTES_PER_TOKEN = 3  # English has about four; names, paths and JSON less
MOST = 2000
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project():
    return Project(ROOT)


def index(project, layout):
    """Return what an agent reads of all skills or commands before it opens one."""
    specs = [load(project, name).spec for name in workflow_files(project)]
    path = "" if layout.form is Form.skill else layout.path
    return "\n".join(f"zk0-{spec.name}{path}: {description(spec)}" for spec in specs)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_the_start_fits_into_2000_tokens(project, layout):
    tools = anyio.run(build_server(ROOT, resume=print).list_tools)
    schemas = json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools])
    brief = prime(project, datetime.now(UTC), budget=int(BRIEF)).text

    given = {
        "index": index(project, layout),
        "AGENTS.md": render_block(),
        "tools": schemas + INSTRUCTIONS,
        "brief": brief,
    }
    tokens = {name: -(-len(text.encode()) // BYTES_PER_TOKEN) for name, text in given.items()}

    assert len(tools) <= 7
    assert sum(tokens.values()) <= MOST, tokens
