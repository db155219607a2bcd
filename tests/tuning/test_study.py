import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import optuna
import pytest

from zk0.core.errors import ConfigurationError, StorageError
from zk0.tuning.campaign import Campaign, CampaignSettings
from zk0.tuning.measurements import InOrder, Measurement
from zk0.tuning.study import Study


def one(mu, seed):
    return Measurement(mu=mu, seed=seed, losses={"a": mu + seed / 100, "b": mu + seed / 50}, steps=1)


def units_of(measure):
    asked = []

    def run(units):
        for mu, seed in units:
            asked.append((mu, seed))
            yield measure(mu, seed)

    return run, asked


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_what_was_measured_is_not_measured_again(url):
    run, _ = units_of(one)
    Study("s", url, "p", range(6), prune=False).measure_all([1.0], run)
    run, asked = units_of(one)
    study = Study("s", url, "p", range(6), prune=False)
    study.measure_all([1.0, 2.0], run)

    assert {mu for mu, _ in asked} == {2.0}
    assert study.arms()[1.0][3] == one(1.0, 3)


def test_a_value_that_is_worse_is_left_early(url):
    run, asked = units_of(one)
    Study("s", url, "p", range(6), prune=True).measure_all([1.0, 2.0], run)

    assert len([mu for mu, _ in asked if mu == 1.0]) == 6
    assert len([mu for mu, _ in asked if mu == 2.0]) == 2


def test_a_study_of_another_problem_is_refused(url):
    Study("s", url, "p", range(6), prune=False)

    with pytest.raises(ConfigurationError, match="another project"):
        Study("s", url, "other", range(6), prune=False)


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://user:hunter22@127.0.0.1:1/x"])
def test_a_database_that_is_not_there_is_named_without_its_password(url):
    with pytest.raises((StorageError, ConfigurationError)) as caught:
        Study("s", url, "p", range(6), prune=False)

    assert "hunter22" not in caught.value.message


def test_what_is_no_url_is_refused():
    with pytest.raises(ConfigurationError, match="not the URL of a database"):
        Study("s", "study.db", "p", range(6), prune=False)


def test_an_error_of_a_run_leaves_the_trial_to_the_next_process(url):
    def fails(mu, seed):
        if seed == 3:
            raise StorageError("the disk is full")
        return one(mu, seed)

    run, _ = units_of(fails)
    with pytest.raises(StorageError, match="disk is full"):
        Study("s", url, "p", range(6), prune=False).measure_all([1.0], run)
    run, asked = units_of(one)
    study = Study("s", url, "p", range(6), prune=False)
    study.measure_all([1.0], run)

    assert asked == [(1.0, 3), (1.0, 4), (1.0, 5)]
    assert len(study.arms()[1.0]) == 6


KILLED = """
import sys, time
sys.path.insert(0, {folder!r})
from zk0.tuning.campaign import Campaign, CampaignSettings
from zk0.tuning.measurements import InOrder, Measurement

def measure(mu, seed):
    print(f"{{mu}} {{seed}}", flush=True)
    time.sleep(0.05)
    loss = (mu - 2) ** 2 + seed / 100
    return Measurement(mu=mu, seed=seed, losses={{"a": loss, "b": loss + 0.1}}, steps=1)

campaign = Campaign(CampaignSettings(current=10.0, problem="p"), {url!r}, InOrder(measure))
campaign.descend(); campaign.refine(); print("decision", campaign.confirm().decision.model_dump_json(), flush=True)
"""


@pytest.mark.slow
def test_a_campaign_that_is_killed_ends_in_the_same_decision_and_repeats_no_finished_run(url, tmp_path):
    def start(where):
        program = textwrap.dedent(KILLED.format(folder=str(tmp_path), url=where))
        return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)

    undisturbed, _ = start(f"sqlite:///{tmp_path}/whole.db").communicate(timeout=120)
    asked, last = [], ""
    for kill_after in (1, 4, 9, 1000):
        process = start(url)
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == kill_after:
                process.send_signal(signal.SIGKILL)
                break
        rest, _ = process.communicate(timeout=120)
        last = (lines + rest.splitlines())[-1]
        asked.append([line for line in lines if not line.startswith("decision")])

    assert last == undisturbed.splitlines()[-1]
    whole = undisturbed.splitlines()[:-1]
    # What was in progress when it was killed is the only thing done twice; its line is the last one printed.
    finished = [line for lines in asked for line in (lines[:-1] if lines is not asked[-1] else lines)]
    assert sorted(finished) == sorted(whole)


def test_two_processes_share_a_study(url):
    measured = []

    def slow(mu, seed):
        time.sleep(0.02)
        measured.append((mu, seed))
        return one(mu, seed)

    def work():
        run, _ = units_of(slow)
        Study("s", url, "p", range(6), prune=False).measure_all([1.0, 2.0, 3.0, 4.0], run)

    Study("s", url, "p", range(6), prune=False)
    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert sorted(measured) == sorted((mu, seed) for mu in (1.0, 2.0, 3.0, 4.0) for seed in range(6))


def test_of_two_processes_that_take_the_same_trial_one_keeps_it(url):
    studies = [Study("s", url, "p", range(6), prune=False) for _ in range(2)]
    studies[0]._study.enqueue_trial({"mu": 1.0}, user_attrs={"mu": 1.0})
    taken = studies[0]._study.ask()
    trials = [taken, optuna.Trial(studies[1]._study, taken._trial_id)]  # as SQLite may give it to both

    with ThreadPoolExecutor(2) as pool:
        claims = list(pool.map(Study._claims, studies, trials))

    assert sorted(claims) == [False, True]


def test_a_trial_of_another_machine_is_taken_up_when_it_stops_showing_life(url, monkeypatch):
    study = Study("s", url, "p", range(6), prune=False)
    other = optuna.load_study(study_name="s", storage=url)
    other.enqueue_trial({"mu": 1.0}, user_attrs={"mu": 1.0})
    trial = other.ask()
    trial.set_user_attr("owner", {"host": "another machine", "pid": 1, "started": 0.0})
    monkeypatch.setattr("zk0.tuning.study.STALE", 0.5)
    run, asked = units_of(one)

    study.measure_all([1.0], run)

    assert len(asked) == 6


def test_the_decision_does_not_depend_on_how_many_run_side_by_side(quadratic):
    def decision(width):
        campaign = Campaign(CampaignSettings(current=10.0, problem="p"), None, InOrder(quadratic, width))
        campaign.descend()
        campaign.refine()
        return campaign.confirm().decision

    assert decision(1) == decision(3)
