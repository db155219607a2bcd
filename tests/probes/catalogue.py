"""Samples of foreign code, and what each must be found to be."""

import ast
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"


def samples_of(file: str) -> list[tuple[str, str]]:
    """Return (target, first line of its docstring) of each public function and class of a sample file."""
    tree = ast.parse((SAMPLES / file).read_text(encoding="utf-8"))
    found = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    return [(f"{file}:{node.name}", (ast.get_docstring(node) or "").partition("\n")[0]) for node in found]
