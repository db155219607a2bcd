"""The files at the handover of a step: taken, kept beside `handover.md` under their digest, and read again.

The journal has the digest, so a list that was changed is not read.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from zk0.core.contents import content_digest
from zk0.core.file_snapshots import FileSnapshot
from zk0.core.project import Project
from zk0.core.receipts import write_atomically
from zk0.workflow.agent_scope import PROGRAM
from zk0.workflow.dependencies import program_chain

SHORT = 16  # digits of the digest in the file's name


def take_files(project: Project, programs: Iterable[str], environment: Mapping[str, str]) -> FileSnapshot:
    """Return the files of a project, and the programs among some names: their paths and contents.

    Raises:
        DependencyMissingError: it is a repository, and there is no git that can be trusted.
        ConfigurationError: git can't list its files.
    """
    files = dict(project.file_snapshot().files)
    found = {}
    for name in programs:
        chain = list(program_chain(name, project.root, environment))
        if chain and project.shown(chain[0]) not in files:  # else it is compared as a file
            found[f"{PROGRAM}{name}"] = " ".join([str(chain[0]), *map(content_digest, chain)])
    return FileSnapshot(files | found)


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
