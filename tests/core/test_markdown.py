from zk0.core.markdown import Page, pages
from zk0.core.project import Project
from zk0.core.seal import BEGIN, END, seal

TEXT = """---
title: "front matter"
---

# A *first* `heading`, here!

## Twice
## Twice

See [this](a.md#twice-1) and ![that](b.png).

```bash
run it
```
"""


def page(tmp_path) -> Page:
    (tmp_path / "a.md").write_text(TEXT)
    return Page(tmp_path, "a.md")


def test_anchors_are_those_that_github_makes(tmp_path):
    assert page(tmp_path).anchors == {"a-first-heading-here", "twice", "twice-1"}


def test_links_and_blocks_have_their_lines(tmp_path):
    assert list(page(tmp_path).links()) == [(10, "a.md#twice-1"), (10, "b.png")]
    [block] = page(tmp_path).blocks()
    assert (block.language, block.text, block.at) == ("bash", "run it\n", "a.md:13")


def test_what_zk0_wrote_for_agents_is_no_page_of_the_project(tmp_path):
    (tmp_path / "README.md").write_text("ours\n")
    (tmp_path / "skill.md").write_text(seal("# zk0-digest: \ntheirs\n"))
    (tmp_path / "AGENTS.md").write_text(f"ours\n\n{seal(f'{BEGIN}; zk0-digest:  -->')}\n`it`\n{END}\n[a](b)\n")

    found = {page.name: page for page in pages(Project(tmp_path))}

    assert set(found) == {"README.md", "AGENTS.md"}
    assert "it" not in found["AGENTS.md"].text
    assert list(found["AGENTS.md"].links()) == [(6, "b")]
