"""A YAML text as plain data, with the position of each key and value.

YAML 1.2's core schema and no more: scalars, lists and mappings with text keys. Duplicate keys, anchors and tags are
reported as problems with their place, since in a workflow file each of them hides what will be done.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from zk0.workflow.fitting import KeyPath

CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value")
)
NULL = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII
)
LONGEST_NUMBER = 400  # digits; Python refuses to read integers of more than 4300


@dataclass(frozen=True, order=True)
class Position:
    """A place in a text, counted from 1."""

    line: int
    column: int


@dataclass
class Document:
    """The data of a YAML text, the positions of its parts by path, and what is wrong with it as YAML."""

    data: object = None
    keys: dict[KeyPath, Position] = field(default_factory=dict)
    values: dict[KeyPath, Position] = field(default_factory=dict)
    problems: list[tuple[Position, str, str]] = field(default_factory=list)

    def position(self, path: KeyPath, *, key: bool = False) -> Position:
        """Return the position of the value (or its key) at a path, or of the nearest enclosing part if it is absent."""
        places = self.keys if key else self.values
        for length in range(len(path), 0, -1):
            part = path[:length]
            found = places.get(part) if length == len(path) else self.keys.get(part)
            if found or (found := self.values.get(part)):
                return found
        return Position(1, 1)


def read_document(text: str) -> Document:
    """Read a YAML text; whatever the text is, this raises nothing."""
    document = Document()
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        if root is not None:
            document.data = _Construction(document).value(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _at(mark) if mark else Position(1, 1)
        document.problems.append((place, "yaml-syntax", f"not YAML: {error.problem or error.context}"))
    except YAMLError as error:
        reason = str(error).strip().partition("\n")[0]
        document.problems.append((Position(1, 1), "yaml-syntax", f"not YAML: {reason}"))
    except RecursionError:
        document.problems.append((Position(1, 1), "yaml-syntax", "not a workflow: it is nested too deeply"))
    except (ValueError, IndexError, TypeError, AttributeError, KeyError, AssertionError) as error:
        # ruamel's scanner trips over some texts instead of refusing them.
        document.problems.append((Position(1, 1), "yaml-syntax", f"not YAML: {error}"))
    return document


class _Construction:
    """Turns ruamel's nodes into plain data, filling a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen: set[int] = set()

    def value(self, node: Node, path: KeyPath) -> object:
        self.document.values[path] = _at(node.start_mark)
        if id(node) in self.seen:
            # An alias, whose anchor is the problem. It may refer to a parent, or expand to a thousand lists.
            return _scalar(node) if isinstance(node, ScalarNode) else None
        self.seen.add(id(node))
        if node.anchor:
            self._problem(node, "yaml-anchor", f"an anchor (&{node.anchor}) is not allowed here; write the value again")
        if node.tag not in CORE_TAGS:
            self._problem(node, "yaml-tag", f"the tag {node.tag} is not allowed here")
        match node:
            case MappingNode():
                return dict(self._members(node, path))
            case SequenceNode():
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return _scalar(node)
        return None

    def _members(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[str, object]]:
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._problem(key_node, "yaml-key", "a key is a word here, not a list or a mapping")
                continue
            key = str(key_node.value)
            place = (*path, key)
            if place in self.document.keys:
                first = self.document.keys[place].line
                self._problem(key_node, "duplicate-key", f'duplicate key "{key}"; the first is in line {first}')
                continue
            self.document.keys[place] = _at(key_node.start_mark)
            yield key, self.value(value_node, place)

    def _problem(self, node: Node, rule: str, message: str) -> None:
        self.document.problems.append((_at(node.start_mark), rule, message))


def _scalar(node: ScalarNode) -> str | float | bool | None:
    text = str(node.value)
    if node.style or node.tag == "tag:yaml.org,2002:str" or len(text) > LONGEST_NUMBER:
        return text
    if text in NULL:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _at(mark: StringMark) -> Position:
    return Position(mark.line + 1, mark.column + 1)
