"""A YAML text as plain data, with the position of each key and value.

YAML 1.2's core schema and no more: scalars, lists and mappings with text keys. Duplicate keys, anchors and tags are
reported as problems with their place, since in a workflow file each of them hides what will be done.

PyYAML only finds the structure here, by libyaml where its build has that, which reads 10,000 steps in 0.2 s where
ruamel.yaml takes 6 s; what a scalar means is decided below.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    Mark,
    MarkedYAMLError,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)

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
FOREIGN_BREAK = re.compile("[\x85\u2028\u2029]")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if found := FOREIGN_BREAK.search(line):
            problem = f"write the line break U+{ord(found[0]):04X} as an escape in double quotes: YAML would drop it"
            document.problems.append((Position(number, found.start() + 1), "yaml-syntax", problem))
    if document.problems:
        return document
    try:
        _Construction(document, yaml.parse(text, Loader=LOADER)).read()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _at(mark) if mark else Position(1, 1)
        if place.line > len(lines):  # libyaml puts what is missing at the end behind the last line
            place = Position(len(lines), len(lines[-1]) + 1)
        document.problems.append((place, "yaml-syntax", f"not YAML: {error.problem or error.context}"))
    except YAMLError as error:
        reason = str(error).strip().partition("\n")[0]
        document.problems.append((Position(1, 1), "yaml-syntax", f"not YAML: {reason}"))
    except RecursionError:
        document.problems.append((Position(1, 1), "yaml-syntax", "not a workflow: it is nested too deeply"))
    except (ValueError, IndexError, TypeError, AttributeError, KeyError, AssertionError) as error:
        # A scanner trips over some texts, such as half of a surrogate pair, instead of refusing them.
        document.problems.append((Position(1, 1), "yaml-syntax", f"not YAML: {error}"))
    return document


class _Construction:
    """Turns the events of a parser into plain data, filling a document."""

    def __init__(self, document: Document, events: Iterator[Event]) -> None:
        self.document = document
        self.events = events
        self.anchors: dict[str, object] = {}

    def read(self) -> None:
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                first = next(self.events)
                self.document.data = self.value(first, ())
                break
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                self._problem(event, "yaml-syntax", "not a workflow: a second document begins here")
            elif isinstance(event, StreamEndEvent):
                return

    def value(self, event: Event, path: KeyPath) -> object:
        self.document.values[path] = _at(event.start_mark)
        if isinstance(event, AliasEvent):
            return self.anchors.get(event.anchor)  # the anchor is the problem
        if event.anchor:
            problem = f"an anchor (&{event.anchor}) is not allowed here; write the value again"
            self._problem(event, "yaml-anchor", problem)
        if event.tag is not None and event.tag not in CORE_TAGS:
            self._problem(event, "yaml-tag", f"the tag {event.tag} is not allowed here")
        match event:
            case MappingStartEvent():
                return dict(self._members(path))
            case SequenceStartEvent():
                return [self.value(item, (*path, index)) for index, item in enumerate(self._items())]
        found = _scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = found
        return found

    def _items(self) -> Iterator[Event]:
        """Yield the events at which the items of a collection begin, until it ends."""
        while not isinstance(event := next(self.events), CollectionEndEvent):
            yield event

    def _members(self, path: KeyPath) -> Iterator[tuple[str, object]]:
        for event in self._items():
            if not isinstance(event, ScalarEvent):
                self._problem(event, "yaml-key", "a key is a word here, not a list or a mapping")
                self._skip(event)
                self._skip(next(self.events))
                continue
            key = str(event.value)
            place = (*path, key)
            if place in self.document.keys:
                first = self.document.keys[place].line
                self._problem(event, "duplicate-key", f'duplicate key "{key}"; the first is in line {first}')
                self._skip(next(self.events))
                continue
            self.document.keys[place] = _at(event.start_mark)
            yield key, self.value(next(self.events), place)

    def _skip(self, event: Event) -> None:
        """Pass over a value."""
        depth = int(isinstance(event, CollectionStartEvent))
        while depth:
            event = next(self.events)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)

    def _problem(self, event: Event, rule: str, message: str) -> None:
        self.document.problems.append((_at(event.start_mark), rule, message))


def _scalar(event: ScalarEvent) -> str | float | bool | None:
    text = str(event.value)
    if event.style or event.tag == "tag:yaml.org,2002:str" or len(text) > LONGEST_NUMBER:
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


def _at(mark: Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)
