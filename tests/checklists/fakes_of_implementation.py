"""The false twins of the items during the work: item, what was done, and the change that does it."""

from .twin import (
    COVERAGE,
    HOLLOW,
    IN_EXAMPLE,
    IN_README,
    JUNIT,
    MUTE_WORKFLOW,
    SKIPPED,
    TEST_ALL,
    Edit,
    add,
    all_of,
    committed,
    edit,
    edited_report,
    half_written,
    library,
    mypy,
    only_by_hand,
    receipt_of_this_code,
    ruff,
    run_without_journal,
    tested,
    token_in_a_log,
    touched,
    write,
)

HOOK = """import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome = "passed"
    return report
"""
IDLE_HOOK = "def pytest_pyfunc_call(pyfuncitem):\n    return True\n"

FAKES_OF_IMPLEMENTATION: list[tuple[str, str, Edit]] = [
    ("impl-style", "all files excluded", ruff('[tool.ruff]\nexclude = ["*"]')),
    (
        "impl-style",
        "rules that see nothing",
        all_of(edit("pyproject.toml", '["E", "F", "D"]', '["D"]'), library("x = 1; y = 2")),
    ),
    ("impl-style", "a backup file", write("armlet/joints.py.orig", "x")),
    ("impl-style", "a to-do", library("# TODO: limit the gripper too")),
    ("impl-style", "a conflict mark", committed(add("CHANGELOG.md", "\n<<<<<<< ours\n"))),
    (
        "impl-docstrings",
        "a dot for a docstring",
        edit("armlet/joints.py", '"""An angle that no joint can reach."""', '"""."""'),
    ),
    (
        "impl-docstrings",
        "an error without a word",
        edit("armlet/joints.py", "AngleError: the angle is larger than any joint can reach.", "AngleError: ."),
    ),
    ("impl-type-hints", "errors are ignored", mypy("ignore_errors = true")),
    (
        "impl-type-hints",
        "one file is looked at",
        edit("pyproject.toml", 'packages = ["armlet"]', 'files = ["armlet/__init__.py"]'),
    ),
    (
        "impl-type-hints",
        "a module is ignored",
        add("pyproject.toml", '\n[[tool.mypy.overrides]]\nmodule = "armlet.*"\nignore_errors = true\n'),
    ),
    ("impl-type-hints", "files are excluded", mypy('exclude = ["joints"]')),
    (
        "impl-type-hints",
        "a comment for a file",
        edit("armlet/joints.py", "LARGEST =", "# mypy: ignore-errors\nLARGEST ="),
    ),
    ("impl-modular", "a long function", library("def long() -> None:\n" + 70 * "    print()\n")),
    (
        "impl-modular",
        "layers that nothing can break",
        add(
            "pyproject.toml",
            '\n[tool.importlinter]\nroot_package = "armlet"\n[[tool.importlinter.contracts]]\nname = "x"\n'
            'type = "layers"\nlayers = ["armlet.joints", "armlet.settings"]\n'
            'ignore_imports = ["armlet.** -> armlet.**"]\n',
        ),
    ),
    ("impl-error-handling", "passed over", library("try:\n    limited(1.0)\nexcept Exception:\n    pass")),
    (
        "impl-error-handling",
        "returned from",
        library("def f() -> None:\n    try:\n        limited(1.0)\n    except Exception:\n        return None"),
    ),
    (
        "impl-error-handling",
        "suppressed",
        library("from contextlib import suppress\n\nwith suppress(Exception):\n    limited(1.0)"),
    ),
    ("impl-logging", "a print", library('print("here")')),
    ("impl-logging", "a debugger", library("breakpoint()")),
    ("impl-unit-tests", "all skipped", tested(*(write(name, SKIPPED) for name in TEST_ALL))),
    ("impl-unit-tests", "all hollow", tested(*(write(name, HOLLOW) for name in TEST_ALL))),
    (
        "impl-unit-tests",
        "some deselected",
        tested(edit("pyproject.toml", 'testpaths = ["tests"]', 'addopts = "-k stays"')),
    ),
    (
        "impl-unit-tests",
        "expected to fail",
        tested(
            edit(
                "tests/test_settings.py",
                "def test_speed():\n    assert",
                "import pytest\n\n@pytest.mark.xfail\ndef test_speed():\n    assert not",
            )
        ),
    ),
    ("impl-unit-tests", "a hook sets the outcome", tested(write("conftest.py", HOOK))),
    ("impl-unit-tests", "a hook does not call the test", tested(write("tests/conftest.py", IDLE_HOOK))),
    ("impl-unit-tests", "a report by hand", only_by_hand("junit.xml", JUNIT)),
    ("impl-unit-tests", "an edited report", edited_report),
    ("impl-unit-tests", "a touched report", touched),
    ("impl-unit-tests", "a receipt with another digest", receipt_of_this_code),
    ("impl-unit-tests", "receipts without a run", run_without_journal),
    (
        "impl-integration-tests",
        "left out",
        tested(edit("pyproject.toml", 'testpaths = ["tests"]', 'addopts = "--ignore=tests/e2e"')),
    ),
    ("impl-integration-tests", "hollow", tested(write("tests/e2e/test_whole.py", HOLLOW))),
    (
        "impl-coverage",
        "one file included",
        tested(
            library(
                "def more() -> int:\n    return 1\n"
                + "".join(f"\n\ndef f{n}() -> int:\n    return {n}\n" for n in range(20))
            ),
            edit("pyproject.toml", 'source = ["armlet"]', 'include = ["armlet/__init__.py"]'),
        ),
    ),
    (
        "impl-coverage",
        "code marked as not covered",
        tested(library("".join(f"\n\ndef f{n}() -> int:  # pragma: no cover\n    return {n}\n" for n in range(20)))),
    ),
    ("impl-coverage", "a report by hand", only_by_hand("coverage.json", COVERAGE)),
    (
        "impl-edge-cases",
        "an error named in a comment",
        tested(
            write(
                "tests/test_joints.py",
                "from armlet.joints import limited\n\n\ndef test_in_reach():\n    assert limited(1.0)  # AngleError\n",
            )
        ),
    ),
    ("impl-code-documentation", "a file that is gone", edit("README.md", "`armlet/joints.py`", "`armlet/gone.py`")),
    ("impl-code-documentation", "no file is named", edit("README.md", "`armlet/joints.py`", "a module")),
    (
        "impl-code-documentation",
        "a program that does not exist",
        edit(
            "README.md",
            IN_README,
            "```bash\npip install armlet\narmlet fly\n```\n\n```python\nimport armlet.nothing\n```",
        ),
    ),
    (
        "impl-api-documentation",
        "an unknown option",
        edit("README.md", "zk0 run check", "zk0 run check --does-not-exist"),
    ),
    ("impl-api-documentation", "an unknown command", edit("README.md", "zk0 run check", "zk0 fly")),
    ("impl-api-documentation", "a program of no package", edit("README.md", "zk0 run check", "armlet fly")),
    ("impl-api-documentation", "a target of no Makefile", edit("README.md", "zk0 run check", "make everything")),
    (
        "impl-examples",
        "a module that does not exist",
        edit("README.md", IN_EXAMPLE, "from armlet.nothing import limited"),
    ),
    (
        "impl-examples",
        "a name that does not exist",
        edit("README.md", IN_EXAMPLE, "from armlet.joints import unlimited"),
    ),
    ("impl-examples", "not Python", edit("README.md", IN_EXAMPLE, "from armlet import")),
    (
        "impl-configuration-documented",
        "the key alone",
        all_of(edit("pyproject.toml", " # how many federated rounds are trained", ""), add("README.md", "\nrounds\n")),
    ),
    (
        "impl-troubleshooting",
        "nothing yet",
        all_of(write("docs/trouble.md", "# Troubleshooting\n\nnothing yet\n"), MUTE_WORKFLOW),
    ),
    (
        "impl-troubleshooting",
        "a heading alone",
        all_of(write("docs/trouble.md", "# Troubleshooting\n\n## Symptom\n"), MUTE_WORKFLOW),
    ),
    ("impl-cleanup", "a half-written file", half_written),
    ("impl-logs-without-secrets", "a password in an ini", write("settings.ini", "[server]\npassword = hunter2horse\n")),
    ("impl-logs-without-secrets", "a password in the code", library('PASSWORD = "hunter2horse"')),
    ("impl-logs-without-secrets", "a token in a log", token_in_a_log),
    (
        "impl-error-messages",
        "concatenated",
        library('def f(password: str) -> None:\n    raise AngleError("it was " + password)'),
    ),
    (
        "impl-error-messages",
        "formatted",
        library('def f(password: str) -> None:\n    raise AngleError("it was %s" % password)'),
    ),
    (
        "impl-error-messages",
        "put together before",
        library('def f(token: str) -> None:\n    text = "it was " + token\n    raise AngleError(text)'),
    ),
]

FAKES_OF_CHECKS: list[tuple[str, str, Edit]] = [
    ("security.calls", "a shell by another name", library('from os import system as look\n\nlook("ls")')),
    ("security.calls", "a pickle by another name", library("from pickle import loads")),
    ("security.calls", "shell=1", library('from subprocess import run\n\nrun("ls", shell=1)')),
    ("security.calls", "an unsafe loader", library('import yaml\n\nyaml.load("x", Loader=yaml.Loader)')),
    ("security.calls", "eval", library('eval("1")')),
    ("security.calls", "noqa", library('from os import system  # noqa: S605\n\nsystem("ls")  # noqa')),
    ("repository.large-files", "weights in the repository", committed(write("model.txt", 6 * 2**20 * "x"))),
]
