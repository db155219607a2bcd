"""The files at the handover of a step: kept beside `handover.md` under their digest, and read again.

The journal has the digest, so a list that was changed is not read. Importing this module is cheap.
"""

import json
from pathlib import Path

from zk0.core.file_snapshots import FileSnapshot
from zk0.core.receipts import write_atomically

SHORT = 16  # digits of the digest in the file's name


def save_files(handover: Path, files: FileSnapshot) -> None:
    """Keep the files of a handover; raises OSError."""
    write_atomically(path_of(handover, files.digest), json.dumps(dict(files.files), indent=1) + "\n")


def read_files(handover: Path, digest: str) -> FileSnapshot | None:
    """Return the files of a handover; None where the list is missing, or is not the one that was kept."""
    try:
        content = json.loads(path_of(handover, digest).read_bytes())
    except (OSError, ValueError):
        return None
    files = FileSnapshot(content) if isinstance(content, dict) else None
    return files if files and files.digest == digest else None


def path_of(handover: Path, digest: str) -> Path:
    """Return where the files of a handover are kept."""
    return handover.with_name(f"files-{digest[:SHORT]}.json")
