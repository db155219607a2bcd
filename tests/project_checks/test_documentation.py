from pathlib import Path

from zk0.core.checks import CHECKS


def test_dead_links_and_anchors_are_found_with_their_lines(small):
    text = "# Top\n\n[a](docs/b.md) [b](docs/none.md)\n[c](docs/b.md#part) [d](#nowhere) [e](https://example.org/x)\n"
    small.write({"README.md": text, "docs/b.md": "# Part\n\n[up](../README.md#top)\n"})

    told = [(finding.at, finding.message) for finding in small.ask("documentation.links")]

    assert told == [
        ("README.md:3", "docs/none.md leads nowhere"),
        ("README.md:4", "#nowhere: README.md has no such heading"),
    ]


def test_files_that_are_named_have_to_be_there(small):
    small.write({"README.md": "`small/a.py`, `small/gone.py`, `elsewhere/x.py`, `small/`\n", "small/a.py": ""})
    small.write({"CHANGELOG.md": "- removed `small/old.py`\n"})

    [finding] = small.ask("documentation.names")

    assert finding.message == "names small/gone.py, which is not there"


def test_a_key_that_is_explained_nowhere_is_named(small):
    keys = "[tool.flwr.app.config]\nrounds = 3\nlocal-steps = 2\nquiet = 1  # prints nothing\nmu = 0.1\n"
    small.write({"pyproject.toml": keys, "README.md": "`local_steps` is how many\n"})
    small.write({"small/a.py": "mu: float = Field(0, description='strength')\n"})

    assert [finding.message for finding in small.ask("documentation.settings")] == ["rounds is explained nowhere"]


def test_a_table_of_the_configuration_is_no_key_that_wants_an_explanation(small):
    keys = "[tool.flwr.app.config]\n[tool.flwr.app.config.fit]\nlocal-steps = 1\nmu = 2 # strength of the term\n"
    small.write({"pyproject.toml": keys, "README.md": "`local-steps` is how many\n"})
    small.write({"small/a.py": "x = 1\n"})

    assert small.verdicts("documentation.settings") == {"pass"}


def test_a_guide_to_trouble_is_known_by_its_heading(small, monkeypatch):
    monkeypatch.setattr("zk0.project_checks.workflow_files.specifications", lambda _project: {})
    small.write({"README.md": "# It\n"})
    assert small.verdicts("documentation.troubleshooting") == {"warn"}

    small.write({"docs/help.md": "# When a run fails: troubleshooting\n"})
    assert small.verdicts("documentation.troubleshooting") == {"warn"}

    entries = (
        "- the arm stalls after minutes: give its motors more current\n- frames are black: light the table better\n"
    )
    small.write({"docs/help.md": f"# When a run fails: troubleshooting\n\n{entries}\n- wait for it to cool down\n"})
    assert small.ask("documentation.troubleshooting")[0].message == "docs/help.md does"


def test_a_readme_shows_how_to_begin(small):
    small.write({"docs/a.md": "# A\n"})
    assert small.verdicts("documentation.start") == {"fail"}

    small.write({"README.md": "# It\n\nInstall it.\n"})
    assert small.verdicts("documentation.start") == {"warn"}

    small.write({"README.md": "```bash\npip install small\n```\n\n```python\nimport small\n```\n"})
    assert small.verdicts("documentation.start") == {"pass"}


def test_the_documentation_of_zk0_names_every_check_of_a_project():
    text = (Path(__file__).parents[2] / "docs" / "checklists.md").read_text()
    named = {CHECKS.get(name).function: False for name in CHECKS.names()}
    for name in CHECKS.names():  # a check may have an older id besides
        named[CHECKS.get(name).function] |= f"| `{name}` |" in text or name.startswith("odd.")

    assert [one for one in named if one.__module__.startswith("zk0.project_checks.") and not named[one]] == []
