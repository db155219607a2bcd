"""The JSON files of the original zk0, under both generations of their keys.

| file | of | holds |
|---|---|---|
| `clients/<name>/round_N.json` | both | one client's means of a round |
| `server/round_N_server_eval.json`, `round_N_aggregated.json` | both | evaluation, and all clients' means |
| `server/federated_metrics.json` | both | a row a round |
| `server/policy_loss_history.json` | later | the last ten evaluations, numbered 0 to 9 whatever their rounds were |
| `config.json` | both | what was configured, overrides included that no client ever saw |
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from zk0.ledger.importers.columns import number, training_summary
from zk0.ledger.importers.flower import AVERAGE
from zk0.ledger.importers.run_builder import Run, client_name
from zk0.ledger.incidents import IncidentKind

NAME = "original zk0, JSON"
HISTORY_LENGTH = 10  # of policy_loss_history.json: it forgets what came before
EVALUATION_KEYS = {"server_composite_eval_loss", "aggregated_client_metrics", "client_aggregated_training_metrics"}
CLIENT_KEYS = {"client_id", "round"}
AGGREGATE_KEYS = ("client_aggregated_training_metrics", "aggregated_client_metrics")
INDIVIDUAL_KEYS = ("individual_client_training_metrics", "individual_client_metrics")


def knows(content: Any) -> bool:
    """Whether this is one of the files."""
    match content:
        case {"run_config": dict()}:
            return True
        case dict() if EVALUATION_KEYS & content.keys() or content.keys() >= CLIENT_KEYS:
            return True
        case dict() if content and all(
            isinstance(one, dict) and "server_policy_loss" in one for one in content.values()
        ):
            return True
        case [{"round": _, "num_clients": _}, *_]:
            return True
    return False


def take(run: Run, content: Any, name: str) -> None:
    """Take one file into a run; `name` tells the round where the content does not."""
    match content:
        case {"run_config": dict() as configured}:
            told = {key: value for key, value in configured.items() if isinstance(value, bool | int | float | str)}
            run.decided(0, told, at=name, reason="the run's configuration as it was saved")
        case dict() if EVALUATION_KEYS & content.keys():
            _server_round(run, content, name)
        case dict() if content.keys() >= CLIENT_KEYS:
            _client_round(run, content, name)
        case dict():
            _history(run, content, name)
        case list():
            for row in content:
                _federated(run, row, name)


def _round_of(content: Mapping[str, Any], name: str) -> int | None:
    told = number(content.get("round"))
    if told is not None:
        return int(told)
    found = re.search(r"round_(\d+)", name)
    return int(found[1]) if found else None


def _server_round(run: Run, content: Mapping[str, Any], name: str) -> None:
    at = _round_of(content, name)
    if at is None:
        run.note(f"{name}: neither the name nor the content tells the round: left out")
        return
    metrics = content.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    loss = number(content.get("server_composite_eval_loss", content.get("loss", metrics.get("policy_loss"))))
    datasets = [one for one in content.get("server_per_dataset_eval_results") or () if isinstance(one, dict)]
    frames = sum(int(number(one.get("num_examples")) or 0) for one in datasets) or None
    batches = [found for one in (*datasets, {"metrics": metrics}) for found in _batches(one)]
    _evaluation(run, at, loss, name, frames=frames, failed=bool(batches) and not any(batches))
    for one in datasets if len(datasets) > 1 else ():
        told = number(one.get("loss"))
        size = number(one.get("num_examples"))
        run.evaluated(
            at, told if told is None or math.isfinite(told) else None, at=name,
            dataset=str(one.get("dataset_name") or one.get("evaldata_id")), frames=None if size is None else int(size),
        )  # fmt: skip
    aggregate = next((content[key] for key in AGGREGATE_KEYS if isinstance(content.get(key), dict)), None)
    if at > 0 and aggregate:
        _aggregate(run, at, aggregate, name)
    for individual in next((content[key] for key in INDIVIDUAL_KEYS if isinstance(content.get(key), list)), ()):
        if at > 0 and isinstance(individual, dict):
            _client_round(run, {**individual, "round": at}, name)


def _batches(result: Mapping[str, Any]) -> Iterator[float]:
    metrics = result.get("metrics")
    told = number(metrics.get("successful_batches")) if isinstance(metrics, dict) else None
    if told is not None:
        yield told


def _evaluation(run: Run, at: int, loss: float | None, name: str, *, frames: int | None, failed: bool) -> None:
    if loss is None:
        return
    if failed:
        run.evaluated(at, None, at=name, missing=f"no batch was evaluated; the {loss:g} in the file stands for that")
        run.happened(IncidentKind.sentinel, f"a loss of {loss:g}, and no batch was evaluated", at=name, number=at)
        return
    finite = math.isfinite(loss)
    run.evaluated(at, loss if finite else None, at=name, frames=frames, missing=None if finite else "not finite")


def _aggregate(run: Run, at: int, told: Mapping[str, Any], name: str) -> None:
    record = run.aggregation(at, name)
    clients = number(told.get("num_clients"))
    if clients == 0:
        run.happened(IncidentKind.sentinel, "means of no client", at=name, number=at)
        return
    if clients is not None and record.answered is None:
        record.answered = int(clients)
    norm = number(told.get("param_update_norm"))
    if norm is not None and record.update_norm is None:
        record.update_norm = norm


def _client_round(run: Run, told: Mapping[str, Any], name: str) -> None:
    client = client_name(str(told.get("client_id", told.get("client", "?"))))
    at = int(number(told.get("round")) or 0)
    record = run.training(client, at, file=name, at=name)
    steps = number(told.get("num_steps"))
    means = training_summary(told)
    if steps and means and not any(means.values()):
        run.happened(IncidentKind.sentinel, f"means of 0 over {steps:g} steps", at=name, number=at, client=client)
        means = {}
    record.summarise(means, int(steps) if steps else None)
    norm = number(told.get("param_update_norm"))
    if norm is not None:
        record.update_norm.setdefault("all", norm)
    digest = told.get("param_hash")
    if isinstance(digest, str) and digest:
        record.digest_out = record.digest_out or digest


def _federated(run: Run, row: Mapping[str, Any], name: str) -> None:
    at = number(row.get("round"))
    if at is None or at < 1:
        return
    _aggregate(run, int(at), row, name)
    if not any(number_ == at for _, number_ in run.trainings):
        summary = training_summary(row)
        if summary:
            run.training(AVERAGE, int(at), file=name, at=name).summarise(summary, None)


def _history(run: Run, content: Mapping[str, Any], name: str) -> None:
    if len(content) >= HISTORY_LENGTH:
        run.note(f"{name} keeps the last {HISTORY_LENGTH} losses and numbers them anew: left out")
        return
    for key, one in content.items():
        loss = number(one.get("server_policy_loss"))
        if key.isdigit() and loss is not None:
            _evaluation(run, int(key), loss, name, frames=None, failed=False)
