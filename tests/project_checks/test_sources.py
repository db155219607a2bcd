import pytest

from zk0.core.errors import AssetMissingError, RequestError
from zk0.project_checks.sources import library, modules, packages, suite


def test_the_library_is_what_is_neither_test_nor_tool(small):
    names = ["src/small/a.py", "task.py", "tests/test_a.py", "docs/x.py", "noxfile.py", "small/thing_test.py"]
    small.write(dict.fromkeys(names, ""))

    assert [module.name for module in library(small.project)] == ["src/small/a.py", "task.py"]
    assert [module.name for module in suite(small.project)] == ["small/thing_test.py", "tests/test_a.py"]
    assert packages(small.project) == {"small", "task"}
    assert len(modules(small.project)) == 6


def test_a_project_without_code_has_nothing_to_judge(small):
    with pytest.raises(AssetMissingError, match="no Python code"):
        library(small.project)
    with pytest.raises(AssetMissingError, match="no tests"):
        suite(small.project)


def test_a_file_that_is_no_python_is_an_error_with_its_place(small):
    small.write({"small/a.py": "x = 1\ny = = 2\n"})

    with pytest.raises(RequestError, match=r"small/a\.py:2 is not Python"):
        small.ask("errors.swallowed")


def test_a_src_that_is_a_package_is_part_of_the_names(small):
    small.write({"src/__init__.py": "", "src/server_app.py": ""})

    assert {module.dotted for module in modules(small.project)} == {"src", "src.server_app"}
