import pytest

from zk0.project_checks.declared_tests import declared_tests
from zk0.project_checks.sources import Module


def names(text: str, path: str = "tests/test_a.py") -> list[str]:
    return [test.dotted for test in declared_tests(Module(path, text))]


def test_functions_and_methods_are_tests_and_fixtures_and_helpers_are_not():
    text = """
import pytest
from unittest import TestCase

@pytest.fixture
def tested(): ...
def helper(): ...
def test_f(): ...
class TestIt:
    def test_g(self): ...
class Odd(TestCase):
    def test_h(self): ...
class TestHidden:
    __test__ = False
    def test_i(self): ...
"""
    assert names(text) == ["tests.test_a.test_f", "tests.test_a.TestIt.test_g", "tests.test_a.Odd.test_h"]
    assert names(text, "tests/helpers.py") == []


@pytest.mark.parametrize(
    ("before", "body", "acts"),
    [
        ("", "assert f()", True),
        ("", "f()", True),
        ("", "pass", False),
        ("", "'words'", False),
        ("", "assert True", False),
        ("", "return None", False),
        ("@pytest.mark.skip(reason='later')\n", "assert f()", False),
        ("@pytest.mark.skipif(True, reason='later')\n", "assert f()", False),
        ("@pytest.mark.skipif(is_windows, reason='there')\n", "assert f()", True),
        ("@pytest.mark.xfail\n", "assert f()", False),
        ("@pytest.mark.slow\n", "assert f()", True),
        ("pytestmark = [pytest.mark.skip]\n", "assert f()", False),
        ("pytest.skip('all', allow_module_level=True)\n", "assert f()", False),
    ],
)
def test_a_test_can_show_something_or_not(before, body, acts):
    [test] = declared_tests(Module("tests/test_a.py", f"{before}def test_f():\n    {body}\n"))

    assert test.acts is acts
