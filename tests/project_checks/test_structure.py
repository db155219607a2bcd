import pytest

from zk0.project_checks.structure import cycles


def test_long_modules_and_functions_are_named(small):
    body = "\n".join(f"    x = {number}" for number in range(10))
    small.write({"small/a.py": f"def f():\n{body}\n"})

    told = [(finding.at, finding.message) for finding in small.ask("structure.size", module_lines=5, function_lines=8)]

    assert told == [
        ("small/a.py", "has 11 lines, at most 5 are wanted"),
        ("small/a.py:1", "f has 11 lines, at most 8 are wanted"),
    ]
    assert small.verdicts("structure.size") == {"pass"}


def test_modules_that_import_each_other_are_a_circle_and_later_imports_are_none(small):
    small.write({"small/__init__.py": "", "small/a.py": "from small import b\n", "small/b.py": "from . import a\n"})

    [finding] = small.ask("structure.cycles")

    assert (finding.verdict, finding.message) == ("fail", "small.a → small.b → small.a")
    small.write({"small/b.py": "def f():\n    from . import a\n"})
    assert small.verdicts("structure.cycles") == {"pass"}


@pytest.mark.parametrize(
    ("graph", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"a"}}, [["a"]]),
        ({"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_each_circle_of_a_graph_is_found_once(graph, circles):
    assert sorted(map(sorted, cycles(graph))) == circles


def test_declared_layers_are_checked(small):
    assert small.verdicts("structure.layers") == {"not-applicable"}

    contract = '[[tool.importlinter.contracts]]\nname = "order"\ntype = "layers"\nlayers = ["small.top", "small.low"]\n'
    small.write({"pyproject.toml": f'[tool.importlinter]\nroot_package = "small"\n{contract}', "small/__init__.py": ""})
    small.write({"small/top.py": "from small import low\n", "small/low.py": ""})
    assert small.verdicts("structure.layers") == {"pass"}

    small.write({"small/top.py": "", "small/low.py": "from small import top\n"})
    assert [finding.message for finding in small.ask("structure.layers")] == ["order BROKEN"]


APP = """
[tool.flwr.app.components]
serverapp = "small.server:app"
clientapp = "small.client:app"
[tool.flwr.app.config]
rounds = 3
"""


def test_an_app_with_both_its_parts_passes(small):
    server = "from flwr.serverapp import ServerApp\n\napp = ServerApp()\n"
    client = "from flwr.clientapp import ClientApp\n\ndef build():\n    return ClientApp()\n\napp = build()\n"
    small.write({"pyproject.toml": APP, "small/server.py": server, "small/client.py": client})
    assert small.verdicts("layout.flower-app") == {"pass"}

    small.write({"small/client.py": "app: int = 1\n"})
    assert small.verdicts("layout.flower-app") == {"pass", "fail"}


def test_a_part_that_is_not_where_it_is_said_to_be_fails(small):
    small.write({"pyproject.toml": APP, "small/server.py": "application = 1\n"})

    told = [finding.message for finding in small.ask("layout.flower-app") if finding.verdict == "fail"]

    assert told == [
        "serverapp is small.server:app, and small/server.py has no app",
        "clientapp is small.client:app, but the code has no module small.client",
    ]


def test_a_project_that_is_no_flower_app_can_t_be_told(small):
    small.write({"pyproject.toml": ""})
    assert small.verdicts("layout.flower-app") == {"not-available"}
