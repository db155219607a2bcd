CHANGES = "# Changelog\n\n## Unreleased\n\n- an arm moves\n\n## 0.1.0\n\n- an arm moves\n"


def test_the_changelog_tells_of_what_is_not_released(small):
    small.write({"CHANGELOG.md": CHANGES}).commit(tag="v0.1.0").commit()

    [finding] = small.ask("release.changelog")

    assert (finding.verdict, finding.message) == ("pass", "Unreleased has 1 entries, of 1 commits")


def test_commits_behind_the_last_section_of_the_changelog_fail(small):
    small.write({"CHANGELOG.md": "## [0.1.0] - 2026-01-01\n\n- an arm moves\n"}).commit(tag="v0.1.0")
    assert small.verdicts("release.changelog") == {"pass"}

    small.commit()
    assert small.ask("release.changelog")[0].message == "1 commits since v0.1.0, and CHANGELOG.md begins with 0.1.0"

    small.write({"CHANGELOG.md": f"## Unreleased\n\n{CHANGES}"}).commit()
    assert small.verdicts("release.changelog") == {"fail"}


def test_the_version_is_one_everywhere_and_none_is_newer(small):
    small.write({"small/__init__.py": '__version__ = "0.1.0"\n'}).commit(tag="v0.1.0")
    assert small.verdicts("release.version") == {"pass"}

    small.commit(tag="v0.2.0")
    assert small.verdicts("release.version") == {"fail"}

    small.write({"small/__init__.py": '__version__ = "0.3.0"\n'})
    assert "pyproject.toml says 0.1.0, small/__init__.py says 0.3.0" in small.ask("release.version")[0].message


def test_every_package_is_described(small):
    small.write({"small/__init__.py": "", "small/one/__init__.py": "", "small/two/__init__.py": ""})
    small.write({"memory-bank/architecture.md": "`one` moves the arm slowly.\n"})

    [finding] = small.ask("release.specification")

    assert (finding.verdict, finding.message) == ("warn", "memory-bank/architecture.md does not describe two")


def test_a_service_that_runs_the_tests_passes_also_through_a_script(small):
    assert small.verdicts("delivery.continuous-integration") == {"fail"}

    small.write(
        {".github/workflows/ci.yml": "on: push\njobs: {a: {steps: [{run: ci/run.sh}]}}\n", "ci/run.sh": "echo\n"}
    )
    assert small.verdicts("delivery.continuous-integration") == {"fail"}

    small.write({"ci/run.sh": "python -m pytest\n"})
    assert small.ask("delivery.continuous-integration")[0].message == "runs pytest"


def test_an_installation_asks_for_a_python_that_is_allowed(small):
    small.write({"environment.yml": "name: small\ndependencies: [python=3.12]\n"})
    assert small.verdicts("delivery.installation") == {"pass"}

    small.write({"environment.yml": "name: small\ndependencies: [python=3.9]\n"})
    [finding] = small.ask("delivery.installation")
    assert (finding.at, finding.message) == ("environment.yml:2", "asks for Python 3.9; the project allows >=3.12")


def test_an_installation_that_can_t_be_read_fails(small):
    small.write({"environment.yml": "name: [small\ndependencies: []\n", "noxfile.py": "def f(:\n"})

    assert [finding.at.partition(":")[0] for finding in small.ask("delivery.installation")] == [
        "environment.yml",
        "noxfile.py",
    ]
