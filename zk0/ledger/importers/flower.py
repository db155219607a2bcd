"""Rules for Flower's own log lines: server and clients, from the first NumPyClient to the Message API of 1.42.

Sources: `flwr/server/server.py` (`configure_fit: strategy sampled …`, `fit progress: (…)`, `History (loss, …)`),
`flwr/serverapp/strategy/{strategy,fedavg,fedprox}.py` (`configure_train: Sampled …`, `Aggregated MetricRecord: …`),
`flwr/supernode/start_client_internal.py` (`[RUN …, ROUND …]`, `Receiving: …`).
"""

import ast
import re

from zk0.ledger.importers.logs import FINAL, LogFile, Rule, incident, phase, rule
from zk0.ledger.importers.metrics import evaluation_loss, training_summary
from zk0.ledger.importers.run_builder import SERVER
from zk0.ledger.schema import IncidentKind

NAME = "Flower"
CENTRALIZED = "history of the server"  # a phase of the log
CLIENTS = "clients"  # the evaluation that clients do and the server averages
AVERAGE = "mean of all clients"
NUMBER = r"(-?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))"


def mapping(text: str) -> dict[str, object]:
    """Return a Python dict as it was printed; empty where it is none or was cut off."""
    try:
        found = ast.literal_eval(re.sub(r"\b(nan|inf)\b", "None", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _sampled(log: LogFile, found: re.Match[str]) -> None:
    log.phase = "train"
    if log.server_round is None:
        log.server_round = 1 + max(log.run.aggregations, default=0)
        log.run.note("no line numbers the server's rounds: they are counted")
    log.run.aggregation(log.server_round, log.at).asked = int(found[1])


def _answered(log: LogFile, found: re.Match[str]) -> None:
    log.phase = "train"
    if log.server_round is None:
        return
    record = log.run.aggregation(log.server_round, log.at)
    record.answered, record.failed = int(found[1]), int(found[2])
    if record.answered == 0:
        log.add_incident(IncidentKind.no_clients, found[0])


def _error_reply(log: LogFile, found: re.Match[str]) -> None:
    node = f"node {found[1]}"
    if log.phase != "evaluate" and log.server_round is not None:
        log.run.aggregation(log.server_round, log.at).rejected[node] = (
            log.run.redact(found[2][:200], log.at) or "an error without a reason"
        )
    log.add_incident(IncidentKind.client_failed, found[0], client=node)


def _initial(log: LogFile, found: re.Match[str]) -> None:
    if any(number == 0 for _, number in log.run.evaluations) and log.server_round:
        log.restart()
    log.run.add_evaluation(0, float(found[1]), at=log.at)


def _progress(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    log.run.add_evaluation(int(found[1]), float(found[2]), at=log.at)


def _metrics_evaluated(log: LogFile, number: int | None, text: str, dataset: str = SERVER) -> None:
    key, value = evaluation_loss(mapping(text))
    if key is None or number is None:
        return
    log.run.note(f"the loss of an evaluation is read from {key!r}")
    log.run.add_evaluation(number, value, at=log.at, dataset=dataset, missing="not finite" if value is None else None)


def _aggregated_record(log: LogFile, found: re.Match[str]) -> None:
    if log.server_round is None:
        return
    if log.phase == "evaluate":
        _metrics_evaluated(log, log.server_round, found[1], CLIENTS)
        return
    summary = training_summary(mapping(found[1]))
    if summary and (AVERAGE, log.server_round) not in log.run.trainings:
        record = log.run.training(AVERAGE, log.server_round, file=f"{log.source.name} (means)", at=log.at)
        record.summarise(summary, None)


def _settings(log: LogFile, found: re.Match[str]) -> None:
    values = {key: value for key, value in mapping(found[1]).items() if isinstance(value, bool | int | float | str)}
    log.run.add_decision(0, values, at=log.at, reason="the configuration that the strategy sends")


def _given(log: LogFile, **settings: float) -> None:
    log.run.add_decision(0, settings, at=log.at, reason="given to the strategy")


def _history_round(log: LogFile, found: re.Match[str]) -> None:
    dataset = SERVER if log.phase == CENTRALIZED else CLIENTS
    log.run.add_evaluation(int(found[1]), float(found[2]), at=log.at, dataset=dataset)


def _message_round(log: LogFile, found: re.Match[str]) -> None:
    log.stream.number = int(found[1])
    log.stream.record = None


_NOISE = (
    r"INIT\]$",
    r"SUMMARY\]$",
    r"Using initial global parameters|Using InMemory|Using `",
    r"Requesting initial parameters",
    r"Received initial parameters|Received successfully|Received: ",
    r"Receiving: \S+ message",
    r"Sending: \S+ message",
    r"Sent (?:successfully|reply)",
    r"Starting evaluation of initial|Starting Flower (?:SuperLink|SuperNode|ClientApp|ServerApp)",
    r"Evaluation returned no results",
    r"configure_evaluate: ",
    r"Sampling:",
    r"Fraction: train",
    r"Minimum (?:available )?nodes",
    r"Keys in records",
    r"Weighted by: ",
    r"ArrayRecord (?:key|\()",
    r"ConfigRecord (?:key|\()",
    r"FedProx settings",
    r"Global Arrays:",
    r"Aggregated ClientApp-side",
    r"ServerApp-side Evaluate Metrics",
    r"Disconnect and shut down",
    r"No (?:fit|evaluate)_metrics_aggregation_fn provided|No \w+_fn provided",
    r"SuperNode ID: ",
    r"RUN \d+\]$",
    r"fraction_(?:evaluate|train) is set to",
    r"Starting (?:logstream|Flower Simulation|local SuperLink)",
    r"Flower configuration not found",
    r"Successfully (?:started run|installed)",
    r"Using SuperLink",
    r"Since flwr \d",
    r"Federation `",
    r"To change federation size",
    r"Constructed ActorPool",
)

RULES: tuple[Rule, ...] = (
    rule(r"ROUND (\d+)(?:/\d+)?\]", lambda log, found: log.enter_round(int(found[1]))),
    rule(r"Starting Flower (?:server|simulation), config", lambda log, _: log.restart()),
    rule(r"Starting \w+ strategy:", lambda log, _: log.restart()),
    rule(r"configure_fit: strategy sampled (\d+) clients \(out of \d+\)", _sampled),
    rule(r"configure_train: Sampled (\d+) nodes \(out of \d+\)", _sampled),
    rule(r"configure_fit: no clients selected, cancel", incident(IncidentKind.no_clients)),
    rule(r"fit_round \d+: strategy sampled (\d+) clients", _sampled),
    rule(r"fit_round \d+ received (\d+) results and (\d+) failures", _answered),
    rule(r"aggregate_(?:fit|train): [rR]eceived (\d+) results and (\d+) failures", _answered),
    rule(r"aggregate_evaluate: [rR]eceived \d+ results", phase("evaluate")),
    rule(r"Received error in reply from node (\d+): (.*)", _error_reply),
    rule(rf"initial parameters \(loss, other metrics\): {NUMBER}", _initial),
    rule(rf"fit progress: \((\d+), {NUMBER}, ", _progress),
    rule(r"Initial global evaluation results: (.*)", lambda log, found: _metrics_evaluated(log, 0, found[1])),
    rule(r"Global evaluation", phase("global")),
    rule(r"MetricRecord: (.*)", lambda log, found: _metrics_evaluated(log, log.server_round, found[1])),
    rule(r"Aggregated MetricRecord: (.*)", _aggregated_record),
    rule(r"ConfigRecord \(train\): (\{.*\})", _settings),
    rule(r"Number of rounds: (\d+)", lambda log, found: _given(log, rounds=int(found[1]))),
    rule(rf"Proximal mu: {NUMBER}", lambda log, found: _given(log, proximal_mu=float(found[1]))),
    rule(r"Run finished (\d+) round\(s\) in", lambda log, found: log.run.close(int(found[1]), at=log.at)),
    rule(r"Strategy execution finished in", lambda log, _: log.run.close(log.server_round or 0, at=log.at)),
    rule(r"Final results:", phase(FINAL)),
    rule(r"History \((?:loss|metrics), centralized", phase(CENTRALIZED)),
    rule(r"History \((?:loss|metrics), \w+", phase("history of the clients")),
    rule(rf"round (\d+): {NUMBER}$", _history_round),
    rule(r"RUN \d+, ROUND (\d+)\]", _message_round),
    *map(rule, _NOISE),
)
