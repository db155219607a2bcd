def test_a_service_that_runs_the_tests_passes_also_through_a_script(small):
    assert small.verdicts("delivery.continuous-integration") == {"fail"}

    small.write({".github/workflows/ci.yml": "jobs: {a: {steps: [{run: ci/run.sh}]}}\n", "ci/run.sh": "echo\n"})
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
    small.write({"environment.yml": "name: [small\n", "noxfile.py": "def f(:\n"})

    assert [finding.at.partition(":")[0] for finding in small.ask("delivery.installation")] == [
        "environment.yml",
        "noxfile.py",
    ]
