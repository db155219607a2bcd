"""Agents' files: from the workflows, in each layout, and never over somebody's own words."""

import re
import tomllib

import pytest
from skills_ref import validate

from zk0.agents.layouts import LAYOUTS, Form, layouts_in_use
from zk0.agents.rendering import description, render_block, render_workflow
from zk0.agents.sync import FileStatus, agent_files, named_layouts, problems, remove, sync
from zk0.core.errors import UnknownNameError
from zk0.core.project import Project
from zk0.workflow.loading import load

OWN = "name: own\ntitle: Our own\npurpose: To try. And more.\nsteps:\n  - {id: a, title: A, run: [x]}\n"
EVERY = tuple(LAYOUTS.values())


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "own.yaml").write_text(OWN)
    return Project(tmp_path)


def statuses(files):
    return {file.path: file.status for file in files}


@pytest.mark.parametrize("layout", EVERY, ids=lambda layout: layout.name)
def test_every_layout_is_written_checked_and_removed(project, layout):
    before = sorted(project.root.rglob("*"))
    sync(project, [layout])

    assert (project.root / layout.file("zk0-own")).is_file()
    assert (project.root / layout.file("zk0-train")).is_file()
    assert set(statuses(agent_files(project, [layout])).values()) == {FileStatus.current}
    assert not list(problems(file for file in sync(project, [layout]) if file.status is not FileStatus.current))

    remove(project)
    assert sorted(project.root.rglob("*")) == before


def test_skills_pass_the_validator_of_the_specification(project):
    sync(project, named_layouts(["agents"]))

    folders = sorted((project.root / ".agents" / "skills").iterdir())
    assert len(folders) >= 9
    assert {folder.name: validate(folder) for folder in folders if validate(folder)} == {}


def test_gemini_s_commands_are_toml_whatever_a_workflow_says(project):
    text = OWN.replace("To try.", 'To \\"""try""" \\\\d.')
    (project.root / "workflows" / "own.yaml").write_text(text)

    written = tomllib.loads(render_workflow(load(project, "own").spec, Form.toml))

    assert '"""try"""' in written["prompt"]


def test_a_file_edited_by_hand_is_named_and_left(project):
    sync(project, named_layouts(["claude"]))
    skill = project.root / ".claude/skills/zk0-own/SKILL.md"
    edited = skill.read_text().replace("Our own", "Mine")
    skill.write_text(edited)
    (project.root / "workflows" / "own.yaml").write_text(OWN.replace("To try.", "Changed."))

    files = sync(project)
    [problem] = problems(file for file in files if file.status is FileStatus.edited)
    remove(project)

    assert "edited by hand" in problem
    assert skill.read_text() == edited


def test_a_changed_workflow_makes_its_files_stale_and_a_removed_one_surplus(project):
    sync(project, named_layouts(["claude"]))
    path = project.root / "workflows" / "own.yaml"
    path.write_text(OWN.replace("To try.", "Changed."))
    assert statuses(agent_files(project))[".claude/skills/zk0-own/SKILL.md"] is FileStatus.stale
    path.unlink()
    assert statuses(agent_files(project))[".claude/skills/zk0-own/SKILL.md"] is FileStatus.surplus

    sync(project)

    assert not (project.root / ".claude/skills/zk0-own").exists()
    assert (project.root / ".claude/skills/zk0-train").exists()


def test_a_foreign_file_is_never_touched(project):
    own = project.root / ".claude/skills/zk0-own/SKILL.md"
    own.parent.mkdir(parents=True)
    own.write_text("---\nname: zk0-own\ndescription: mine\n---\n")
    other = project.root / ".claude/skills/zk0-notes/SKILL.md"
    other.parent.mkdir()
    other.write_text("mine")

    assert statuses(sync(project))[".claude/skills/zk0-own/SKILL.md"] is FileStatus.foreign
    remove(project)

    assert own.read_text().startswith("---\nname: zk0-own\ndescription: mine")
    assert other.read_text() == "mine"


def test_agents_md_keeps_every_word_around_the_block(project):
    page = project.root / "AGENTS.md"
    page.write_text("# Ours\n\nBuild with make.\n")
    sync(project)
    with_block = page.read_text()
    page.write_text(with_block + "\n## More\n")
    assert statuses(sync(project))["AGENTS.md"] is FileStatus.current

    assert with_block.startswith("# Ours\n\nBuild with make.\n\n<!-- zk0 begin")
    remove(project)
    assert page.read_text() == "# Ours\n\nBuild with make.\n\n\n## More\n"

    page.write_text(with_block.replace("zk0 prime", "zk0 pray"))
    assert statuses(sync(project))["AGENTS.md"] is FileStatus.edited
    assert "zk0 pray" in page.read_text()


def test_the_agents_in_use_are_found_by_their_folders(project):
    assert [layout.name for layout in layouts_in_use(project.root)] == ["agents"]

    for folder in (".claude", ".gemini"):
        (project.root / folder).mkdir()

    assert [layout.name for layout in layouts_in_use(project.root)] == ["claude", "gemini"]
    with pytest.raises(UnknownNameError, match="codex"):
        named_layouts(["codex"])


def test_a_description_is_one_short_line(project):
    for name in ("own", "train", "mu-tuning", "aggregation-fix"):
        assert len(description(load(project, name).spec)) <= 85
    assert re.search(r"zk0-digest: [0-9a-f]{16}", render_block())
