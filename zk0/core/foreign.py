"""Tell zk0's YAML files from other programs' by what they hold: a project may have a `workflows/` of another kind.

A file with a mistake in it stays ours as long as two of its keys are, and its mistake is named.
"""

import re
from dataclasses import dataclass
from pathlib import Path

KEY = re.compile(r"^([\"']?)([A-Za-z_][\w.-]*)\1[ \t]*:(?:[ \t]|$)", re.MULTILINE)
SUFFIXES = (".yaml", ".yml")
SCHEMA = re.compile(r"^#.*\$schema=.*(?:workflow|checklist)\.schema\.json", re.MULTILINE)


@dataclass(frozen=True)
class FileKind:
    """A kind of file by the keys at its top: all that it may have, and those that other programs' files have too."""

    known: frozenset[str]
    common: frozenset[str]


def is_foreign(path: Path, kind: FileKind) -> bool:
    """Whether a YAML file is another program's, by the keys at its top."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # its reader reports the reason
    keys = {key for _, key in KEY.findall(text)}
    if keys <= kind.known or SCHEMA.search(text):
        return False
    return len(keys & kind.known - kind.common) < 2  # noqa: PLR2004  one may be chance


def foreign_files(folder: Path, kind: FileKind) -> list[Path]:
    """Return the YAML files of a folder that are another program's; they are left alone."""
    paths = sorted(folder.glob("*")) if folder.is_dir() else []
    return [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file() and is_foreign(path, kind)]
