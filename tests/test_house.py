"""The house keeps its shape: no class name twice, no module too large, tests where their modules are."""

import ast
from collections import defaultdict
from pathlib import Path

import zk0

PACKAGE = Path(zk0.__file__).parent
TESTS = Path(__file__).parent
LONGEST = 500  # lines; a module that passes it is two
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_no_class_name_is_defined_twice() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(PACKAGE)}:{node.lineno}")

    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_module_is_too_long() -> None:
    lengths = {path.relative_to(PACKAGE): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}


def test_each_package_has_its_tests() -> None:
    """Tests mirror the packages; a module without a test of its own name is tested through its neighbours."""
    packages = {path.relative_to(PACKAGE).parts[0] for path in MODULES if path.parent != PACKAGE}

    assert {name for name in packages if not list((TESTS / name).glob("test_*.py"))} == set()


def test_a_test_module_is_named_after_a_module_or_lies_beside_its_package() -> None:
    """`tests/x/test_y.py` tests `zk0/x/y.py`, or something that all of `zk0/x` does together."""
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    others = {Path(), Path("e2e"), Path("faults"), Path("golden")}

    assert {str(folder) for folder in folders - others if not (PACKAGE / folder).is_dir()} == set()
