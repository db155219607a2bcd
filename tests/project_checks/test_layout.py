APP = """
[tool.flwr.app.components]
serverapp = "small.server:app"
clientapp = "small.client:app"
[tool.flwr.app.config]
rounds = 3
"""


def test_an_app_with_both_its_parts_passes(small):
    small.write({"pyproject.toml": APP, "small/server.py": "app = 1\n", "small/client.py": "app: int = 1\n"})

    assert small.verdicts("layout.flower-app") == {"pass"}


def test_a_part_that_is_not_where_it_is_said_to_be_fails(small):
    small.write({"pyproject.toml": APP, "small/server.py": "application = 1\n"})

    told = [finding.message for finding in small.ask("layout.flower-app") if finding.verdict == "fail"]

    assert told == [
        "serverapp is small.server:app, and small/server.py has no app",
        "clientapp is small.client:app, and there is no module small.client",
    ]


def test_a_project_that_is_no_flower_app_can_t_be_told(small):
    assert small.verdicts("layout.flower-app") == {"not-available"}
