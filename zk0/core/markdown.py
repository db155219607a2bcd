"""The Markdown of a project: its links, headings and fenced blocks, each with its place (parsed by markdown-it)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.seal import without_generated

NOT_IN_SLUG = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, and `file:line`."""

    language: str
    text: str
    at: str


@dataclass(frozen=True)
class Page:
    """One Markdown file, or a text for one; `name` is its path relative to the project's root."""

    root: Path
    name: str
    content: str | None = None

    @cached_property
    def text(self) -> str:
        """Its text."""
        if self.content is not None:
            return self.content
        return (self.root / self.name).read_text(encoding="utf-8", errors="replace")

    @property
    def folder(self) -> Path:
        """The directory it is in."""
        return (self.root / self.name).parent

    @cached_property
    def tokens(self) -> list[Token]:
        """The parsed page, without its front matter."""
        text = self.text
        if text.startswith("---\n") and (end := text.find("\n---\n", 4)) >= 0:
            # Blank lines in its place keep the numbers of the others true.
            text = "\n" * text[: end + 5].count("\n") + text[end + 5 :]
        return MarkdownIt("commonmark").enable("table").parse(text)

    @cached_property
    def anchors(self) -> set[str]:
        """What `#…` may name: the headings, as GitHub makes them to anchors, and ids of HTML."""
        counted: Counter[str] = Counter()
        found = set(re.findall(r"""<[^>]*\b(?:id|name)=["']([^"']+)""", self.text))
        for heading in self.headings:
            slug = NOT_IN_SLUG.sub("", heading.lower()).replace(" ", "-")
            found.add(f"{slug}-{counted[slug]}" if counted[slug] else slug)
            counted[slug] += 1
        return found

    @cached_property
    def headings(self) -> list[str]:
        """Their texts."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return [_plain(inline) for token, inline in pairs if token.type == "heading_open"]

    def links(self) -> Iterator[tuple[int, str]]:
        """Yield (line, target) of links and pictures."""
        for line, child in self._inline():
            target = child.attrGet("href") if child.type == "link_open" else child.attrGet("src")
            if target:
                yield line, str(target)

    def code_spans(self) -> Iterator[tuple[int, str]]:
        """Yield (line, text) of code between backticks within a line."""
        for line, child in self._inline():
            if child.type == "code_inline":
                yield line, child.content

    def _inline(self) -> Iterator[tuple[int, Token]]:
        for token in self.tokens:
            line = (token.map or [0])[0] + 1
            for child in token.children or ():
                yield line, child
                line += child.type in ("softbreak", "hardbreak")

    def blocks(self) -> Iterator[Block]:
        """Yield the fenced blocks."""
        for token in self.tokens:
            if token.type == "fence":
                line = (token.map or [0])[0] + 2  # the fence itself is a line
                yield Block(token.info.strip().partition(" ")[0].lower(), token.content, f"{self.name}:{line}")


def pages(project: Project, *, memory: bool = False) -> list[Page]:
    """Return the Markdown files of a project, those of the memory bank only if asked for.

    Raises:
        AssetMissingError: there is none.
    """
    names = [path.relative_to(project.root).as_posix() for path in project.tree().named(".md")]
    # Test data may be broken on purpose.
    read = [Page(project.root, name) for name in names if not name.startswith(("tests/", "test/"))]
    # What zk0 wrote for agents documents zk0, and not the project.
    found = [Page(page.root, page.name, own) for page in read if (own := without_generated(page.text)).strip()]
    if memory and project.memory_dir.is_relative_to(project.root):
        found += [
            Page(project.root, path.relative_to(project.root).as_posix())
            for path in sorted(project.memory_dir.glob("*.md"))
        ]
    if not found:
        raise AssetMissingError(f"there is no Markdown in {project.root}", remedy="write README.md")
    return found


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
