"""The logs and JSON files of the original zk0, in both eras of its life.

Until early October 2025 the log printed the proximal term separately (`FedProx proximal_loss=`, `adjusted loss=`);
later both are in one line (`total_loss=… (main=… + proximal=…)`). Losses and norms are printed with four digits, a
learning rate below 5e-5 therefore as 0.0000: such a rate is not a measurement.

| file | era | content |
|---|---|---|
| `clients/<name>/round_N.json` | both | one client's means of a round |
| `server/round_N_server_eval.json`, `round_N_aggregated.json` | both | evaluation, and all clients' means |
| `server/federated_metrics.json` | both | a row a round |
| `server/policy_loss_history.json` | later | the last ten evaluations, numbered 0 to 9 whatever their rounds were |
| `config.json` | both | the configuration, including overrides that no client ever received |
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from zk0.ledger.importers.actions import incident, measurements
from zk0.ledger.importers.flower_metrics import AVERAGE, NUMBER, mapping
from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.metric_names import parse_number, training_summary
from zk0.ledger.importers.rules import Rule, rule
from zk0.ledger.importers.run_builder import RunBuilder, client_name
from zk0.ledger.importers.tables import DocumentReader
from zk0.ledger.log_events import IncidentKind

NAME = "original zk0"
GIGABYTE = 1e9  # bytes; 25.30 GB is what it prints for a card of 23.57 GiB


def _proximal(log: LogFile, found: re.Match[str]) -> None:
    step, value = int(found[1]), float(found[2])
    log.add_measurements(step, {"proximal_loss": value})
    log.training().settings["proximal-mu"] = float(found[3])
    log.stream.proximal = (step, value)


def _adjusted(log: LogFile, found: re.Match[str]) -> None:
    step, total = int(found[1]), float(found[2])
    known = log.stream.proximal
    if known is not None and known[0] == step:
        log.run.note("the policy loss is the adjusted loss without the proximal term of the same step")
        log.add_measurements(step, {"total_loss": total, "policy_loss": round(total - known[1], 6)})
    else:
        log.add_measurements(step, {"total_loss": total})


_MEMORY = measurements("memory_allocated", "memory_reserved", unit=GIGABYTE)


def _progress(log: LogFile, found: re.Match[str]) -> None:
    # A count of steps done: step 10 of 50 is the one with index 9.
    name = "total_loss" if found[3] else "policy_loss"
    step = max(int(found[1]) - 1, 0)
    if name not in log.training().series or log.training().last_step < step:
        log.add_measurements(step, {name: float(found[2])})


def _each_250(log: LogFile, found: re.Match[str]) -> None:
    values = {"total_loss": float(found[2]), "gradient_norm": float(found[3])}
    if rate := float(found[4]):
        values["learning_rate"] = rate
    log.add_measurements(max(int(found[1]) - 1, 0), values)


def _end(log: LogFile, found: re.Match[str]) -> None:
    values = {key: float(value) for key, value in re.findall(rf"(\w+)={NUMBER}", found[1])}
    steps = int(values.pop("steps_completed", 0))
    if values.get("lr") == 0:
        values.pop("lr")
    if steps and not any(values.values()):
        log.add_incident(IncidentKind.sentinel, found[0])  # the meters were set back just before
    else:
        log.training().summarise(training_summary(values), steps or None)
    log.finish()


def _enter(log: LogFile, found: re.Match[str]) -> None:
    log.begin()
    log.stream.settings["local-steps"] = int(found[1])


def _client_norm(log: LogFile, found: re.Match[str]) -> None:
    stream = log.switch_client(found[1], None if found[2] == "None" else int(found[2]))
    if found[3] == "PRE":
        log.begin()
    elif stream.record is not None:
        stream.number = None
        log.finish()


def _client_setting(log: LogFile, found: re.Match[str]) -> None:
    key = "proximal-mu" if found[2] == "proximal_mu" else "learning-rate"
    stream = log.switch_client(found[1])
    if key in stream.settings and stream.record is not None:
        stream.record = None  # the settings of the next round
    stream.settings[key] = float(found[3])


def _client_returned(log: LogFile, found: re.Match[str]) -> None:
    log.switch_client(found[1])
    values = mapping(found[2])
    steps = parse_number(values.get("num_steps") or values.get("steps_completed"))
    record = log.training()
    record.summarise(training_summary(values), int(steps) if steps else None)
    norm = parse_number(values.get("param_update_norm"))
    if norm is not None:
        record.update_norm["all"] = norm
    record.digest_out = _digest(values) or record.digest_out


def _digest(values: Mapping[str, object]) -> str | None:
    found = values.get("param_hash")
    return found if isinstance(found, str) and found else None


def _update_norm(log: LogFile, found: re.Match[str]) -> None:
    log.switch_client(found[1])
    log.training().update_norm["all"] = float(found[2])


def _validated(log: LogFile, found: re.Match[str]) -> None:
    log.switch_client(found[1]).digest_in = found[2]


def _decision(log: LogFile, number: int, reason: str, **settings: float) -> None:
    log.enter_round(number)
    log.run.add_decision(number, settings, at=log.at, reason=reason)


def _answered(log: LogFile, found: re.Match[str]) -> None:
    if log.server_round is not None:
        record = log.run.aggregation(log.server_round, log.at)
        record.answered, record.failed = int(found[1]), int(found[2])


def _failures(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[2]))
    log.run.aggregation(int(found[2]), log.at).failed = int(found[1])


def _failure(log: LogFile, found: re.Match[str]) -> None:
    name = f"failure {found[1]}"
    if log.server_round is not None:
        log.run.aggregation(log.server_round, log.at).rejected.setdefault(name, log.run.redact(found[2][:200], log.at))
    log.add_incident(IncidentKind.client_failed, found[0], client=name)


def _composite(log: LogFile, found: re.Match[str]) -> None:
    loss, frames = float(found[1]), int(found[2])
    number = log.server_round or 0
    if frames == 0:
        log.add_incident(IncidentKind.sentinel, found[0])
        log.run.add_evaluation(
            number, None, at=log.at, missing=f"no frame was evaluated; the {loss:g} is a placeholder"
        )
    else:
        log.run.add_evaluation(number, loss, at=log.at, frames=frames)


def _sent(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    record = log.run.aggregation(int(found[1]), log.at)
    record.digest_in = record.digest_in or found[3]


def _aggregated(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    record = log.run.aggregation(int(found[1]), log.at)
    record.digest_out = record.digest_out or found[2]


def _mismatch(log: LogFile, found: re.Match[str]) -> None:
    if log.server_round is not None:
        log.run.aggregation(log.server_round, log.at).excluded[client_name(found[1])] = "its digest is another"
    log.add_incident(IncidentKind.hash_mismatch, found[0], client=found[1])


_NOISE = (
    r"Step \d+: VRAM after update_policy|Step \d+ PID:\d+ post-cache",
    r"Client \S+: (?:Starting|Loading|Loaded|Using (?:dataset|device)|Received parameters|train\(\) )",
    r"DIAG R\d+: Added to metrics",
    r"Server: No client evaluation results for round \d+",
    r"Per-dataset losses: ",
    r"server_initial_model: \d+ params, hash=",
    r"Server: Composite evaluation (?:started|starting)",
    r"HF_TOKEN check: Set",
    r"Partition ID mismatch after conversion: (\d+) \(int\) != \1 \(int\)",
    r"DEBUG (?:client_fn|server_fn)\]",
    r"Unified logging setup complete",
    r"FL scheduler: ",
    r"Dataset contains \d+ total episodes",
    r"Model loading complete",
    r"Successfully loaded",
    r"Started a local Ray instance",
    r"View the dashboard",
)

RULES: tuple[Rule, ...] = (
    rule(
        rf"Step (\d+): FedProx total_loss={NUMBER} \(main={NUMBER} \+ proximal={NUMBER}\)",
        measurements("total_loss", "policy_loss", "proximal_loss"),
    ),
    rule(rf"Step (\d+): FedProx proximal_loss={NUMBER} \(mu={NUMBER}, ", _proximal),
    rule(rf"Step (\d+): FedProx adjusted loss={NUMBER} ", _adjusted),
    rule(rf"Step (\d+): VRAM before update_policy - Allocated: {NUMBER} GB, Reserved: {NUMBER} GB", _MEMORY),
    rule(rf"Step (\d+) PID:\d+ pre-forward alloc={NUMBER}GB res={NUMBER}GB", _MEMORY),
    rule(rf"Step (\d+): loss={NUMBER}, grad_norm={NUMBER}, lr={NUMBER}, update_s=", _each_250),
    rule(rf"DIAG: Step (\d+)/\d+ completed, loss_avg={NUMBER}, time_elapsed=[\d.]+s(, total_skipped)?", _progress),
    rule(r"Entering training loop: target steps=(\d+)", _enter),
    rule(r"Train end: Final metrics - (.*)", _end),
    rule(r"Client (\S+) R(\d+|None) (PRE|POST)-TRAIN: Full norm=", _client_norm),
    rule(rf"Client (\S+): Using (proximal_mu|initial_lr)={NUMBER}", _client_setting),
    rule(r"Client (\S+): train\(\) returned successfully with metrics: (\{.*\})", _client_returned),
    rule(rf"Client (\S+): Computed param_update_norm={NUMBER}", _update_norm),
    rule(r"Client (\S+): Parameter hash validated: ([0-9a-f]+)", _validated),
    rule(
        rf"Server R(\d+): Dynamic decay mu={NUMBER}, lr={NUMBER} \((\w+)",
        lambda log, found: _decision(log, int(found[1]), found[4], mu=float(found[2]), lr=float(found[3])),
    ),
    rule(
        rf"Server R(\d+): Fixed adjust mu={NUMBER}",
        lambda log, found: _decision(log, int(found[1]), "fixed adjustment", mu=float(found[2])),
    ),
    rule(r"Server R(\d+) POST-AGG: Full norm=", lambda log, found: log.enter_round(int(found[1]))),
    rule(r"Server: Received (\d+) successful results, (\d+) failures", _answered),
    rule(r"Server: (\d+) client failures in fit round (\d+)", _failures),
    rule(r"Failure (\d+): (\w+: .*)", _failure),
    rule(rf"Server: Composite evaluation completed - average loss={NUMBER}, total_examples=(\d+)", _composite),
    rule(r"server_fit_r(\d+)_client(\w+): \d+ params, hash=([0-9a-f]+)", _sent),
    rule(r"server_aggregated_r(\d+): \d+ params, hash=([0-9a-f]+)", _aggregated),
    rule(r"Parameter hash mismatch! Expected: [0-9a-f]+, Received: [0-9a-f]+", incident(IncidentKind.hash_mismatch)),
    rule(r"Server: Parameter hash MISMATCH for client (\S+)! .*", _mismatch),
    rule(
        r"Server: Client (\S+) provided no parameter hash.*",
        lambda log, found: log.add_incident(IncidentKind.hash_missing, found[0], client=found[1]),
    ),
    rule(r"Skipping corrupt batch in episode (\S+) due to decoding error: .*", incident(IncidentKind.decode_error)),
    rule(r"Dataloader iterator exhausted unexpectedly.*", incident(IncidentKind.loader_restarted)),
    rule(r"Unexpected error in data loader for episode .*", incident(IncidentKind.batch_skipped)),
    rule(r"Could not fetch valid batch after \d+ attempts in step.*", incident(IncidentKind.step_skipped)),
    rule(r"Error in training step \d+: .*", incident(IncidentKind.step_skipped)),
    rule(r"HF_TOKEN (?:check: MISSING|missing).*", incident(IncidentKind.token_missing)),
    rule(r"Server: Successfully pushed .*", incident(IncidentKind.success_claimed)),
    rule(r"SUCCESS\] (.*)", incident(IncidentKind.success_claimed)),
    *map(rule, _NOISE),
)  # fmt: skip


HISTORY_LENGTH = 10  # of policy_loss_history.json: it forgets what came before
EVALUATION_KEYS = {"server_composite_eval_loss", "aggregated_client_metrics", "client_aggregated_training_metrics"}
CLIENT_KEYS = {"client_id", "round"}
AGGREGATE_KEYS = ("client_aggregated_training_metrics", "aggregated_client_metrics")
INDIVIDUAL_KEYS = ("individual_client_training_metrics", "individual_client_metrics")


def _reader_of(content: Any) -> Callable[[RunBuilder, Any, str], None] | None:
    """Return what adds a JSON file of this content and name to a run; None where it is not one of zk0's."""
    match content:
        case {"run_config": dict()}:
            return _configuration
        case dict() if EVALUATION_KEYS & content.keys():
            return _server_round
        case dict() if content.keys() >= CLIENT_KEYS:
            return _client_round
        case dict() if content and all("server_policy_loss" in _dict(one) for one in content.values()):
            return _history
        case [{"round": _, "num_clients": _}, *_]:
            return _federated
    return None


def _read(run: RunBuilder, content: Any, name: str) -> None:
    reader = _reader_of(content)
    assert reader is not None, "asked for first"
    reader(run, content, name)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _configuration(run: RunBuilder, content: Mapping[str, Any], name: str) -> None:
    values = {key: value for key, value in content["run_config"].items() if isinstance(value, bool | int | float | str)}
    run.add_decision(0, values, at=name, reason="the run's configuration as it was saved")


def _server_round(run: RunBuilder, content: Mapping[str, Any], name: str) -> None:
    in_name = re.search(r"round_(\d+)", name)
    number = parse_number(content.get("round"))
    number = parse_number(in_name[1]) if in_name and number is None else number
    if number is None:
        run.note(f"{name}: neither the name nor the content gives the round: left out")
        return
    at = int(number)
    metrics = _dict(content.get("metrics"))
    loss = parse_number(content.get("server_composite_eval_loss", content.get("loss", metrics.get("policy_loss"))))
    datasets = [one for one in content.get("server_per_dataset_eval_results") or () if isinstance(one, dict)]
    frames = sum(int(parse_number(one.get("num_examples")) or 0) for one in datasets) or None
    counts = [parse_number(_dict(one.get("metrics")).get("successful_batches")) for one in (*datasets, content)]
    batches = [count for count in counts if count is not None]
    if loss is not None and batches and not any(batches):
        missing = f"no batch was evaluated; the {loss:g} in the file is a placeholder"
        run.add_evaluation(at, None, at=name, missing=missing)
        run.add_incident(IncidentKind.sentinel, f"a loss of {loss:g}, and no batch was evaluated", at=name, number=at)
    elif loss is not None:
        run.add_evaluation(at, loss, at=name, frames=frames)
    for one in datasets if len(datasets) > 1 else ():
        dataset, size = str(one.get("dataset_name") or one.get("evaldata_id")), parse_number(one.get("num_examples"))
        frames = None if size is None else int(size)
        run.add_evaluation(at, parse_number(one.get("loss")), at=name, dataset=dataset, frames=frames)
    if at <= 0:
        return
    if aggregate := next((content[key] for key in AGGREGATE_KEYS if isinstance(content.get(key), dict)), None):
        _aggregate(run, at, aggregate, name)
    for individual in next((content[key] for key in INDIVIDUAL_KEYS if isinstance(content.get(key), list)), ()):
        if isinstance(individual, dict):
            _client_round(run, {**individual, "round": at}, name)


def _aggregate(run: RunBuilder, at: int, values: Mapping[str, Any], name: str) -> None:
    record = run.aggregation(at, name)
    clients = parse_number(values.get("num_clients"))
    if clients == 0:
        run.add_incident(IncidentKind.sentinel, "means of no client", at=name, number=at)
        return
    if clients is not None and record.answered is None:
        record.answered = int(clients)
    if record.update_norm is None:
        record.update_norm = parse_number(values.get("param_update_norm"))


def _client_round(run: RunBuilder, values: Mapping[str, Any], name: str) -> None:
    client = client_name(str(values.get("client_id", values.get("client", "?"))))
    at = int(parse_number(values.get("round")) or 0)
    record = run.training(client, at, file=name, at=name)
    steps = parse_number(values.get("num_steps"))
    means = training_summary(values)
    if steps and means and not any(means.values()):
        run.add_incident(IncidentKind.sentinel, f"means of 0 over {steps:g} steps", at=name, number=at, client=client)
        means = {}
    record.summarise(means, int(steps) if steps else None)
    norm = parse_number(values.get("param_update_norm"))
    if norm is not None:
        record.update_norm.setdefault("all", norm)
    record.digest_out = record.digest_out or _digest(values)


def _federated(run: RunBuilder, rows: list[Any], name: str) -> None:
    for row in rows:
        at = parse_number(row.get("round"))
        if at is None or at < 1:
            continue
        _aggregate(run, int(at), row, name)
        summary = training_summary(row)
        if summary and not any(number == at for _, number in run.trainings):
            run.training(AVERAGE, int(at), file=name, at=name).summarise(summary, None)


def _history(run: RunBuilder, content: Mapping[str, Any], name: str) -> None:
    if len(content) >= HISTORY_LENGTH:
        run.note(f"{name} keeps the last {HISTORY_LENGTH} losses and renumbers them: left out")
        return
    for key, one in content.items():
        loss = parse_number(one.get("server_policy_loss"))
        if key.isdigit() and loss is not None:
            run.add_evaluation(int(key), loss, at=name)


DOCUMENTS = DocumentReader(f"{NAME}, JSON", lambda content: _reader_of(content) is not None, _read)
