"""Jupyter notebooks: what their cells printed, in order, as the log that it is."""

import json
from collections.abc import Iterator
from typing import Any

from zk0.ledger.importers.reading import LogSource

NAME = "notebook"
MOST_BYTES = 256 << 20  # of a notebook, which has to be held as a whole


def looks_like_notebook(source: LogSource) -> bool:
    """Return whether it begins as a notebook does; its outputs are read once it is known to be one."""
    head = source.head_text()
    return head.lstrip()[:1] == "{" and '"cells"' in head and ('"cell_type"' in head or '"metadata"' in head)


def outputs_of(source: LogSource) -> str | None:
    """Return what the cells printed; None where the file is no notebook."""
    with source.stream() as stream:
        content = stream.read(MOST_BYTES)
    try:
        document = json.loads(content)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        return None
    return "".join(text if text.endswith("\n") else text + "\n" for text in _texts(document["cells"]))


def _texts(cells: list[Any]) -> Iterator[str]:
    for cell in cells:
        for output in cell.get("outputs", ()) if isinstance(cell, dict) else ():
            match output:
                case {"output_type": "stream", "text": text}:
                    yield _joined(text)
                case {"output_type": "error", "traceback": list() as lines}:
                    yield "\n".join(map(str, lines))
                case {"data": {"text/plain": text}}:
                    yield _joined(text)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
