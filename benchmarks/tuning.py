"""False wins and regret of `mu-tuning`, beside the rules that others use; about eight minutes.

All of it is on cheap quadratic federations (`benchmarks.quadratics`) and through the campaign that the workflow runs.
"""

from collections.abc import Callable, Iterator
from math import ceil, inf
from statistics import fmean

import numpy as np
import optuna

from benchmarks.quadratics import HIGHEST, Quadratic
from zk0.federation.adaptive import AdaptiveMu
from zk0.tuning.campaign import Campaign, CampaignResult, CampaignSettings
from zk0.tuning.candidates import ladder
from zk0.tuning.measurements import InOrder, Measure, Measurement

NULL_CAMPAIGNS = 200
PROBLEMS, REPEATS = 20, 3
LONGEST = 150  # runs of a search that is compared
SEARCHES = {"Optuna's TPE, median pruner": True, "random search": False}
ROUNDS = 30  # of a training in which mu adapts

type Rule = Callable[[list[list[float]]], float]


def measure() -> Iterator[tuple[str, str]]:
    """Yield false wins, then regret and cost."""
    yield from _false_wins()
    yield from _regret()


def _campaign(measured: Measure, first_seed: int) -> CampaignResult:
    settings = CampaignSettings(current=HIGHEST, problem="benchmark", first_seed=first_seed)
    campaign = Campaign(settings, None, InOrder(measured))
    campaign.descend()
    campaign.refine()
    return campaign.confirm()


def _runs(result: CampaignResult) -> tuple[int, int]:
    """Return the runs of the search and of the confirmation."""
    return sum(map(len, result.search.values())), sum(map(len, result.confirmed.values()))


def _false_wins() -> Iterator[tuple[str, str]]:
    """Every candidate is trained with one and the same mu; only its noise is its own."""
    wins = dict.fromkeys(("mu-tuning", "keep what scored better once", *RULES), 0)
    for number in range(NULL_CAMPAIGNS):
        problem = Quadratic(number)

        def same(mu: float, seed: int, problem: Quadratic = problem) -> Measurement:
            return problem.measure(1.0, seed, label=mu).model_copy(update={"mu": mu})

        wins["mu-tuning"] += _campaign(same, 0).decision.outcome == "better"
        once = [same(mu, 0).loss for mu in ladder(HIGHEST)]
        wins["keep what scored better once"] += min(once) < once[0]
        losses = _long_training(problem)
        for name, rule in RULES.items():
            wins[name] += rule(losses) != 1.0
    for name, count in wins.items():
        yield f"changed mu, of {NULL_CAMPAIGNS} times that all were equal: {name}", f"{count / NULL_CAMPAIGNS:.1%}"


def _long_training(problem: Quadratic) -> list[list[float]]:
    """Return the losses of batches, round by round, of a training that has converged: whatever changes is noise."""
    rng = np.random.default_rng([problem.number, 7])
    losses = list(problem.train(1.0, rng, 2 * ROUNDS))[ROUNDS:]
    return [list(rng.normal(loss, problem.batch_noise, problem.steps)) for loss in losses]


def _pfl(rounds: list[list[float]]) -> float:
    """apple/pfl-research, pfl/algorithm/fedprox.py: AdaptMuOnMetricCallback with its defaults, from mu = 1.

    Down by 0.1 after every fall, and up by 0.1 after every other round, within 0 and 1.
    """
    mu, before = 1.0, inf
    for loss in map(fmean, rounds):
        mu = max(0.0, mu - 0.1) if loss < before else min(1.0, mu + 0.1)
        before = loss
    return mu


def _fl4health(rounds: list[list[float]]) -> float:
    """VectorInstitute/FL4Health, fedavg_with_adaptive_constraint.py: the paper's rule, its defaults, from mu = 1.

    Up by 0.1 after a rise, down by 0.1 after five rounds in a row without one; not below 0.
    """
    mu, before, falls = 1.0, inf, 0
    for loss in map(fmean, rounds):
        falls = falls + 1 if loss <= before else 0
        if loss > before:
            mu += 0.1
        elif falls == 5:  # noqa: PLR2004  its loss_weight_patience
            mu, falls = max(0.0, mu - 0.1), 0
        before = loss
    return mu


def _guarded(rounds: list[list[float]]) -> float:
    rule = AdaptiveMu(1.0)
    for batches in rounds:
        rule.observe({"all": batches})
    return rule.mu


RULES: dict[str, Rule] = {
    "adaptive rule of pfl-research": _pfl,
    "adaptive rule of FL4Health": _fl4health,
    "zk0's adaptive-mu": _guarded,
}


def _regret() -> Iterator[tuple[str, str]]:
    problems = [Quadratic(number) for number in range(PROBLEMS)]
    found = [(one, _campaign(one.measure, 14 * repeat)) for one in problems for repeat in range(REPEATS)]
    regret = fmean(one.regret(result.decision.mu) for one, result in found)
    search, confirmation = (fmean(column) for column in zip(*(_runs(result) for _, result in found), strict=True))
    share = fmean(result.steps / result.grid_steps for _, result in found)
    yield f"mean regret on {PROBLEMS} problems: mu-tuning", f"{regret:.2%} of the range"
    yield "its runs: search + confirmation", f"{search:.1f} + {confirmation:.1f}, {share:.0%} of the grid's steps"
    for seeds in (1, 6):
        for name, tpe in SEARCHES.items():
            curve = np.mean([_search(one, r, seeds, tpe=tpe) for one in problems for r in range(REPEATS)], axis=0)
            reached = np.flatnonzero(curve <= regret)
            runs = f"after {reached[0] + 1} runs" if reached.size else f"not in {LONGEST} runs"
            spent = min(LONGEST, round(search + confirmation)) - 1
            yield f"{name}, {seeds} seeds a trial: the same regret", runs
            yield f"{name}, {seeds} seeds a trial: regret at mu-tuning's cost", f"{curve[spent]:.2%} of the range"
            yield f"{name}, {seeds} seeds a trial: regret after {LONGEST} runs", f"{curve[-1]:.2%} of the range"


def _search(problem: Quadratic, repeat: int, seeds: int, *, tpe: bool) -> list[float]:
    """Return the regret of the value that scored best so far, after each run's worth of rounds; 1 before the first."""
    sampler = optuna.samplers.TPESampler(seed=repeat) if tpe else optuna.samplers.RandomSampler(seed=repeat)
    pruner = optuna.pruners.MedianPruner() if tpe else optuna.pruners.NopPruner()
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    curve, spent, best, regret = np.ones(LONGEST), 0.0, inf, 1.0
    while spent < LONGEST:
        trial = study.ask()
        mu = trial.suggest_float("mu", HIGHEST / 1000, HIGHEST, log=True)
        runs, loss = _perform(study, trial, problem, mu, seeds)
        spent += runs
        if loss < best:
            best, regret = loss, problem.regret(mu)
        curve[min(LONGEST, ceil(spent)) - 1 :] = regret
    return list(curve)


def _perform(
    study: optuna.Study, trial: optuna.Trial, problem: Quadratic, mu: float, seeds: int
) -> tuple[float, float]:
    """Return the runs a trial cost, and its loss, infinite if pruned: after a round, or a seed where it has several."""
    losses, rounds = [], 0
    for seed in range(seeds):
        # One seed a trial: another one each time, as in practice.
        rng = np.random.default_rng([problem.number, trial.number if seeds == 1 else seed, 3])
        for loss in problem.train(mu, rng):
            rounds += 1
            last = rounds % problem.rounds == 0
            if seeds == 1 or last:
                trial.report(fmean([*losses, loss]), rounds)
                if trial.should_prune():
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                    return rounds / problem.rounds, inf
        losses.append(loss)
    study.tell(trial, fmean(losses))
    return float(seeds), fmean(losses)
