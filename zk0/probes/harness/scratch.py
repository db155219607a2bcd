"""A copy of the project as working directory: code finds what it reads, and what it writes leaves the project alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LARGEST = 1_000_000  # bytes of a file that is copied: configurations, not data sets and weights, which are linked
MOST = 3000  # files that are copied; of a project with more, only what lies at its top
SKIPPED = {"__pycache__", "node_modules", "site-packages"}


def enter_copy(root: Path, folder: Path) -> None:
    """Copy a project's small files, link its large ones, and make the copy the working directory."""
    folder.mkdir()
    files = 0
    for directory, names, found in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".") and name not in SKIPPED and files < MOST]
        if "pyvenv.cfg" in found:
            names.clear()
            continue
        inside = folder / Path(directory).relative_to(root)
        inside.mkdir(exist_ok=True)
        for name in found[: max(MOST - files, 0)]:
            files += 1
            _copy(Path(directory) / name, inside / name)
    os.chdir(folder)


def _copy(file: Path, place: Path) -> None:
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > LARGEST:
            place.symlink_to(file)
        else:
            shutil.copyfile(file, place)
    except OSError:  # unreadable: the code will say so if it needs it
        return
