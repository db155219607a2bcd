import json

import pytest

from zk0.core.errors import AssetMissingError

BASELINE = "benchmarks/baseline.json"
RESULT = ".zk0/reports/benchmarks.json"


def results(**values: str) -> str:
    return json.dumps({"machine": {"cores": 2}, "results": values})


def test_a_benchmark_slower_than_its_baseline_fails_and_noise_does_not(small):
    small.write({BASELINE: results(start="20 ms", step="1.0 ms"), RESULT: results(start="0.025 s", step="2.0 ms")})

    told = [(finding.at, str(finding.verdict), finding.message) for finding in small.ask("speed.limits")]

    assert told == [
        ("start", "pass", "0.025 s, 1.25 times the baseline"),
        ("step", "fail", "0.002 s, 2.00 times the baseline"),
    ]


def test_what_was_not_measured_and_another_machine_are_warned_of(small):
    other = json.dumps({"machine": {"cores": 64}, "results": {"start": "20 ms"}})
    small.write({BASELINE: results(start="20 ms", step="1.0 ms"), RESULT: other})

    assert [str(finding.verdict) for finding in small.ask("speed.limits")] == ["warn", "pass", "warn"]


def test_results_of_pytest_benchmark_are_read(small):
    text = json.dumps({"benchmarks": [{"name": "test_f", "stats": {"median": 0.5}}]})
    small.write({BASELINE: text, RESULT: text})

    assert small.verdicts("speed.limits") == {"pass"}


def test_without_results_or_baseline_nothing_is_known(small):
    with pytest.raises(AssetMissingError, match="no benchmark has been run"):
        small.ask("speed.limits")

    small.write({RESULT: results(start="20 ms")})
    with pytest.raises(AssetMissingError, match="no baseline"):
        small.ask("speed.limits")

    small.write({BASELINE: results(memory="20 MiB")})
    assert small.verdicts("speed.limits") == {"not-available"}
