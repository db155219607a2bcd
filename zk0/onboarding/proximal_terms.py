"""Find a FedProx term by reading: in most projects it is inside of a function that trains.

Either something named `prox…` is part of a sum or product in a function that takes a difference, or a factor named `mu`
stands before a difference, where something is named after the global model. What is only named after it is not found.
Source: Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020, equation 2.
"""

import ast
import re
from collections.abc import Collection, Iterator

PROXIMAL = re.compile(r"(?<!ap)prox(?!y|ies|ied|imity|imate)", re.IGNORECASE)  # no proxy, no approximation
MU = re.compile(r"(?:\w*_)?mu", re.IGNORECASE)
GLOBAL = re.compile(r"global|server|init|ref|anchor|start", re.IGNORECASE)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)


def term_in(function: ast.FunctionDef) -> int | None:
    """Return the line of a proximal term in a function, or None."""
    nodes = list(_own_nodes(function))
    differences = [node for node in nodes if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)]
    if not differences:
        return None
    lines = [node.lineno for node in nodes if _adds_proximal(node)]
    if not lines and any(isinstance(node, ast.Name | ast.Attribute) and GLOBAL.search(_name(node)) for node in nodes):
        distances = {_name(node.targets[0]) for node in nodes if isinstance(node, ast.Assign) and _takes(node.value)}
        distances |= {_name(node.target) for node in nodes if isinstance(node, ast.AugAssign) and _takes(node.value)}
        lines = [node.lineno for node in nodes if _scales_by_mu(node, distances)]
    if not lines and PROXIMAL.search(function.name):
        lines = [node.lineno for node in differences]
    return min(lines, default=None)


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.expr | ast.stmt]:
    """Yield the expressions and statements of a function, without those of functions inside of it."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            stack += ast.iter_child_nodes(node)


def _adds_proximal(node: ast.AST) -> bool:
    """Whether something named after the term is part of a sum or a product."""
    match node:
        case ast.BinOp(left=one, op=operator, right=other) | ast.AugAssign(target=one, op=operator, value=other):
            return isinstance(operator, ARITHMETIC) and any(PROXIMAL.search(_name(side)) for side in (one, other))
    return False


def _scales_by_mu(node: ast.AST, distances: Collection[str]) -> bool:
    """Whether mu multiplies a difference."""
    match node:
        case ast.BinOp(left=one, op=ast.Mult(), right=other):
            return (_is_mu(one) and _takes(other, distances)) or (_is_mu(other) and _takes(one, distances))
    return False


def _is_mu(node: ast.expr) -> bool:
    """Whether an expression is mu, or mu with a constant, such as mu / 2."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        sides = (node.left, node.right)
        return any(isinstance(side, ast.Constant) for side in sides) and any(map(_is_mu, sides))
    return bool(MU.fullmatch(_name(node)))


def _takes(node: ast.expr, distances: Collection[str] = ()) -> bool:
    """Whether an expression has a difference in it, or a variable that holds one."""
    return any(
        (isinstance(one, ast.BinOp) and isinstance(one.op, ast.Sub))
        or (isinstance(one, ast.Name) and one.id in distances)
        for one in ast.walk(node)
    )


def _name(node: ast.expr) -> str:
    """Return what an expression is called: a variable, an attribute, a function, or a key that is a text."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=function):
            return _name(function)
    return ""
