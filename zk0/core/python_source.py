"""Parse somebody's Python: their code may have warnings of its own, which are no part of our answer."""

import ast
import warnings


def parse_quietly(source: str | bytes, name: str = "<unknown>") -> ast.Module:
    """Return the parsed source; Python's warnings about it, such as of an invalid escape, are not printed.

    Raises:
        SyntaxError: it is not Python.
        ValueError: it holds null bytes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, name)
