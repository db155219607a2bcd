from zk0.core.markdown import Page

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
