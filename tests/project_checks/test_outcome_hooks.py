"""Hooks that decide how tests end, and those that do not."""

import pytest

from zk0.project_checks.outcome_hooks import outcome_hooks
from zk0.project_checks.sources import Module

HEAD = "import pytest\n\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def pytest_runtest_makereport(item, call):\n    call.excinfo = None\n", "sets the outcome"),
        ("def pytest_runtest_logreport(report):\n    report.outcome = 'passed'\n", "sets the outcome"),
        ("def pytest_runtest_makereport(item):\n    out = yield\n    out.force_result(None)\n", "sets the outcome"),
        ("def pytest_pyfunc_call(pyfuncitem):\n    return True\n", "does not call the test"),
        ("def pytest_runtest_protocol(item, nextitem):\n    return True\n", "does not call the test"),
    ],
)
def test_a_hook_that_decides_is_named(code, message):
    [problem] = outcome_hooks([Module("conftest.py", HEAD + code)])

    assert problem.at == "conftest.py:3"
    assert message in problem.message


@pytest.mark.parametrize(
    "code",
    [
        "def pytest_runtest_makereport(item):\n    report = yield\n    item.report = report.get_result()\n",
        "def pytest_pyfunc_call(pyfuncitem):\n    run(pyfuncitem.obj())\n    return True\n",
        "def pytest_runtest_call(item):\n    begin()\n    yield\n    end()\n",
        "def pytest_collection_modifyitems(items):\n    items.reverse()\n",
    ],
)
def test_a_hook_that_looks_on_or_calls_the_test_itself_is_not(code):
    assert list(outcome_hooks([Module("conftest.py", code)])) == []
