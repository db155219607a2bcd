"""Tracebacks as chains of exceptions: what was raised, where, and what that led to.

Lines of several processes may be interleaved, so each lane's tracebacks are followed by themselves. Known forms:
Python's own, with its two sentences between the exceptions of a chain; Rich's and IPython's frames; Ray's
`RayTaskError(KeyError): ray::…`, which holds the traceback of another process; gRPC's message of several lines.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from zk0.ledger.importers.failures import MOST_MESSAGE, ends_a_process, kind_of
from zk0.ledger.log_events import IncidentKind, RaisedException

TRACEBACK = "Traceback (most recent call last)"
IGNORED = "Exception ignored "  # that a destructor raised: the program goes on, or has ended before
EXCEPTIONS = ("Error", "Exception", "Rendezvous", "Invalid:", "NotFound:")  # words of exceptions without a traceback
_NOT_RAISED = (IncidentKind.waiting, IncidentKind.retried, IncidentKind.client_failed, IncidentKind.program_missing)
MOST_CHAIN = 20  # exceptions; of a longer chain the first and the last are the ones that matter
MOST_FOLLOWING = 20  # lines of a message behind its first; torchrun's report of a worker is the longest

# Python's own, Rich's, and IPython's: `KeyError      Traceback (most recent call last)`
_BEGINS = re.compile(
    r"Traceback \(most recent call last\)(?::\s*$|[ ─]*[─╮])|^[\w.()]+ {2,}Traceback \(most recent call last\)\s*$"
)
_EXCEPTION = re.compile(r"(?P<type>(?:[A-Za-z_]\w*\.)*_?[A-Z]\w*)(?:\([\w.]+\))?(?:: ?(?P<message>.*)|$)", re.DOTALL)
# As repr() has it, which Hydra and others log: `ImportError("cannot import name 'x'")`
_REPR = re.compile(
    r"(?P<type>(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception))\((?P<quote>['\"])(?P<message>.+)(?P=quote),?\)\s*$"
)
_NAMES_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception)\b")
_UNQUALIFIED = re.compile(
    r"\w*(?:Error|Exception|Exit|Interrupt|Warning|Killed|Iteration|Group|Failure|Rendezvous|Invalid|NotFound)$"
)
_QUALIFIED = re.compile(r"[a-z_]\w*(?:\.\w+)*\.[A-Z]\w+")  # behind frames: an exception of any name, without a message
_FRAME = re.compile(r'[\s^~]*[|│]?\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?\s*$')
_RICH_FRAME = re.compile(r"[│|] (?P<file>[/\w.~-]+\.py):(?P<line>\d+) in (?P<function>[\w<>.]+)")
# IPython's: `Cell In[3], line 7`, `File ~/a.py:9, in f(x)`, `<ipython-input-3-…> in f(x)`, and an arrow at the line
_NOTEBOOK_FRAME = re.compile(
    r"(?:File )?(?P<file><ipython-input[\w-]*>|(?:Cell In|Input In) ?\[\d+\]|[~/\w.-]+\.py)"
    r"(?::(?P<line>\d+)|, line (?P<at>\d+))?(?:,? in (?P<function>[\w<>.]+)\(?.*)?\s*$"
)
# Another program's line, or a rule of dashes: no message of an exception goes on like that.
_NO_MESSAGE = re.compile(rf"[IWEF]\d{{4}} \d\d:\d\d|[-=*]{{10,}}\s*$|={{3,}} |{IGNORED}")
_LAUNCHED = re.compile(r"\[(?:rank|default) ?\d+\]: ?")  # what PyTorch's launcher puts before a process's lines
_ARROW = re.compile(r"-+>\s*(?P<line>\d+)\b")
_LEFT_OUT = re.compile(r"\d+ frames\s*$")  # that Colab does not show
_INSTALLED = (
    "/bin/", "site-packages", "dist-packages", "/lib/python3", "<frozen", "<string>", "\\lib\\", "\\Scripts\\",
    "/flwr/", "\\flwr\\", "/nvflare/", "/src/lerobot/", "/lerobot/common/", "importlib/", "contextlib.py", "/_libs/",
    "\\Lib\\",
)  # fmt: skip
_CAUSE, _CONTEXT = "The above exception was the direct cause", "During handling of the above exception"
_INSIDE = (" ", "\t", "^", "~", "|", "+", "│", "└", "├", "╭", "╰", ">", "ray::", "File ", "-->", "Cell In", "Input In")


def begins_traceback(text: str) -> bool:
    """Return whether a traceback begins with this line; a sentence that mentions one does not."""
    return _BEGINS.search(text) is not None


def begins_without_head(text: str) -> bool:
    """Return whether a traceback begins with this line, whose first one is cut off or, in Ray's, is the exception's."""
    return ('  File "' in text and _FRAME.match(text) is not None) or ("): ray::" in text and is_exception(text))


def begins_bare(text: str) -> "Traceback | None":
    """Return the traceback that an exception's line without frames begins; None for a line that only mentions one."""
    text = _LAUNCHED.sub("", text)
    if not (text[:1].isalpha() or text[:1] == "_") or not is_exception(text) or kind_of(text) in _NOT_RAISED:
        return None
    kind, message = parse_exception(text) or ("", "")
    return Traceback("", 0, type=kind, message=[message], bare=True)


def parse_exception(text: str) -> tuple[str, str] | None:
    """Return (type, message) of an exception's own line; None where it is none."""
    if quoted := _REPR.match(text):
        return quoted["type"], quoted["message"].strip()
    found = _EXCEPTION.match(text)
    if found is None or not (":" in text or _UNQUALIFIED.match(found["type"].rpartition(".")[2])):
        return None
    return found["type"], (found["message"] or "").strip()


def is_exception(text: str) -> bool:
    """Return whether a line without a traceback is an exception's: by its name, since prose has colons too."""
    if _REPR.match(text):
        return True
    found = _EXCEPTION.match(text)
    if found is None or ends_a_process(text):
        return False
    name = found["type"].rpartition(".")[2]
    return _UNQUALIFIED.match(name) is not None and not name.endswith("Warning")


def indent_of(text: str) -> int:
    """Return the number of blanks that a line begins with."""
    return len(text) - len(text.lstrip())


@dataclass
class Traceback:
    """A chain while it is read."""

    begun: str
    number: int  # of its first line, later of its exception's
    chain: list[RaisedException] = field(default_factory=list)
    type: str | None = None  # of the exception whose message is being read
    message: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    own: str | None = None
    indent: int = 0  # blanks before the last frame
    blank: bool = False  # the last line was
    prefixed: bool = False  # its frames have a prefix with a level, as all lines of its program
    prefix: str = ""  # before its first line, and so before the others
    ignored: bool = False  # Python says so: a destructor raised it
    bare: bool = False  # an exception's line alone: only what is set in behind it belongs to its message

    @property
    def is_confirmed(self) -> bool:
        """True where more than its first line was seen."""
        return bool(self.frames or self.type or self.chain)

    def take(self, text: str, number: int, *, has_prefix: bool) -> bool:
        """Take one more line; False where it does not belong to the traceback, which is then over."""
        text = "" if text == self.prefix.rstrip() else text.removeprefix(self.prefix)
        plain = text.strip()
        if not plain:
            self.blank = True
            return True
        blank, self.blank = self.blank, False
        relation = "cause" if plain.startswith(_CAUSE) else "context" if plain.startswith(_CONTEXT) else None
        if relation:
            self._conclude("cause" if relation == "cause" else "context")
            return True
        if begins_traceback(text):
            self._conclude(None if self.type is None else "context")
            return True
        if self.type is None:
            self.prefixed = has_prefix
            return self._take_frame(text, number)
        return self._take_message(text, number, blank=blank, has_prefix=has_prefix and not self.prefixed)

    def _take_frame(self, text: str, number: int) -> bool:
        if found := _FRAME.match(text) or _RICH_FRAME.match(text):
            where = f"{found['file']}:{found['line']}" + (f" in {found['function']}" if found["function"] else "")
            self.frames.append(where)
            self.indent = indent_of(text)
            if not any(part in found["file"] for part in _INSTALLED):
                self.own = where
            return True
        if found := _NOTEBOOK_FRAME.match(text):
            self._take_notebook_frame(found)
            return True
        if self.frames and (found := _ARROW.match(text)):
            where = re.sub(r":\d+", "", self.frames[-1], count=1)
            self._point_at(
                where.replace(" in ", f":{found['line']} in ", 1) if " in " in where else f"{where}:{found['line']}"
            )
            return True
        plain = text.strip()
        names_one = bool(self.frames) and _NAMES_EXCEPTION.match(plain) is not None and is_exception(plain)
        if names_one and indent_of(text) <= self.indent:  # the whole traceback is indented, and its code further
            text = plain
        elif text.startswith(_INSIDE) or _LEFT_OUT.match(text):
            return True
        exception = parse_exception(text)
        if exception is None and self.frames and _QUALIFIED.fullmatch(text.strip()):
            exception = (text.strip(), "")
        if exception is None:
            return False
        self.type, self.message, self.number = exception[0], [exception[1]], number
        if exception[1].startswith("ray::"):  # of another process: its frames and its exception follow
            self._conclude("context")
        return True

    def _take_notebook_frame(self, found: re.Match[str]) -> None:
        line = found["line"] or found["at"]
        where = found["file"] + (f":{line}" if line else "") + (f" in {found['function']}" if found["function"] else "")
        self.frames.append(where)
        if not any(part in where for part in _INSTALLED):
            self.own = where

    def _point_at(self, where: str) -> None:
        """Give the last frame its line, which an arrow behind it shows."""
        if self.own == self.frames[-1]:
            self.own = where
        self.frames[-1] = where

    def _take_message(self, text: str, number: int, *, blank: bool, has_prefix: bool) -> bool:
        told = "".join(self.message).strip()
        if _FRAME.match(text):  # Ray repeats frames behind an exception's line
            self._conclude("context")
            return self._take_frame(text, number)
        if len(self.message) > MOST_FOLLOWING or has_prefix or ends_a_process(text) or _NO_MESSAGE.match(text):
            return False
        if self.bare and text.lstrip().startswith("raise "):  # of another traceback, whose beginning is not shown
            return False
        if text[:1] in " \t" or (text.startswith(">") and "<" in told) or not told or told.endswith(":"):
            self.message.append(text)
            return True
        if self.bare or blank or is_exception(text):
            return False
        self.message.append(text)
        return True

    def _conclude(self, relation: Literal["cause", "context"] | None) -> None:
        if self.type is not None and len(self.chain) < MOST_CHAIN:
            message = "\n".join(part.rstrip() for part in self.message).strip()[:MOST_MESSAGE]
            innermost = self.frames[-1] if self.frames else None
            self.chain.append(
                RaisedException(type=self.type, message=message, frame=self.own, innermost=innermost, relation=relation)
            )
        self.type, self.message, self.frames, self.own = None, [], [], None

    def conclude(self) -> tuple[RaisedException, ...]:
        """Return the chain, the first raised first."""
        self._conclude(None)
        return tuple(self.chain)
