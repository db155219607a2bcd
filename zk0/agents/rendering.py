"""Render a workflow as a skill or a command, and the block in AGENTS.md; pure.

Every text carries the digest of its other lines, above all that a workflow says. So a file that was edited by hand is
known without a list of files, also in a clone.
"""

import json
import re
from textwrap import shorten

from zk0.agents.layouts import Form
from zk0.core.pages import as_text, cell, markdown, visible_lines
from zk0.core.seal import BEGIN, END, seal
from zk0.workflow.spec import InputSpec, WorkflowSpec

# What agents replace in a skill or command before their model reads it: by the output of a program (!`…`, !{…}) or by a
# file (@path, @{path}). A blank in between makes it text.
REPLACED = re.compile(r"(!)(?=[`{])|(?<![\w`])(@)(?=[~./{]|[\w.-]+/)")
PREFIX = "zk0-"
DESCRIPTION = 85  # characters: an agent reads the descriptions of all skills when it starts


def render_workflow(spec: WorkflowSpec, form: Form) -> str:
    """Return the text of a workflow's skill or command."""
    template = markdown("zk0.agents", bounds=_bounds).get_template("workflow.md.j2")
    body = _inert(template.render(spec=spec, cell=cell))
    about = f"description: {_quoted(description(spec))}"
    match form:
        case Form.skill:
            head = f"---\nname: {PREFIX}{spec.name}\nmetadata:\n  zk0-digest: \n{about}\n---\n\n"
        case Form.command:
            head = f"---\n# zk0-digest: \n{about}\n---\n\n"
        case Form.workflow:
            head = "<!-- zk0-digest:  -->\n\n"
        case Form.toml:
            text = body.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
            return seal(f'# zk0-digest: \ndescription = {_quoted(description(spec))}\nprompt = """\n{text}"""\n')
    return seal(head + body)


def render_block() -> str:
    """Return the block that AGENTS.md has of zk0."""
    text = markdown("zk0.agents").get_template("agents.md.j2").render()
    return seal(f"{BEGIN}; zk0-digest:  -->\n{text}{END}\n")


def description(spec: WorkflowSpec) -> str:
    """Return in one line what a workflow is for."""
    first = re.split(r"(?<=[.?!])\s", " ".join(spec.purpose.split()))[0]
    return shorten(_inert(f"{spec.title}. {first}"), DESCRIPTION, placeholder=" …")


def _inert(text: str) -> str:
    """Return a text that no agent replaces a part of, and without characters that a person does not see."""
    return visible_lines(REPLACED.sub(r"\1\2 ", text))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is one of YAML and of TOML too


def _bounds(declared: InputSpec) -> str:
    parts = [" or ".join(map(as_text, declared.choices)) or declared.type]
    if declared.required:
        parts.append("required")
    elif declared.default is not None:
        parts.append(f"default {json.dumps(declared.default)}")
    return ", ".join(parts)
