"""Rules for Flower's own log lines: server and clients, from the first NumPyClient to the Message API of 1.42.

Sources: `flwr/server/server.py` (`configure_fit: strategy sampled …`, `fit progress: (…)`, `History (loss, …)`),
`flwr/serverapp/strategy/{strategy,fedavg,fedprox}.py` (`configure_train: Sampled …`, `Aggregated MetricRecord: …`),
`flwr/supernode/start_client_internal.py` (`[RUN …, ROUND …]`, `Receiving: …`).
"""

import re

from zk0.ledger.importers.actions import incident, phase
from zk0.ledger.importers.flower_metrics import (
    CENTRALIZED,
    CLIENTS,
    HISTORY_OF_CLIENTS,
    HISTORY_OF_FIT,
    NUMBER,
    aggregated,
    evaluated,
    history_round,
    mapping,
    printed_history,
    progress,
    read_history,
)
from zk0.ledger.importers.logs import EVALUATING, FINAL, LogFile
from zk0.ledger.importers.rules import LineReader, Rule, rule
from zk0.ledger.importers.run_builder import SERVER
from zk0.ledger.log_events import IncidentKind

NAME = "Flower"


def _sampled(log: LogFile, found: re.Match[str]) -> None:
    log.phase = "train"
    if log.server_round is None:
        log.server_round = 1 + max(log.run.aggregations, default=0)
        log.run.note("no line numbers the server's rounds: they are counted")
    log.run.aggregation(log.server_round, log.at).asked = int(found[1])


def _sampled_old(log: LogFile, found: re.Match[str]) -> None:
    """Begin the next round: before Flower 1.0 no line numbers it."""
    log.enter_round((log.server_round or 0) + 1)
    log.run.note("no line numbers the server's rounds: they are counted")
    _sampled(log, found)


def _started(log: LogFile, found: re.Match[str]) -> None:
    log.restart()
    if found[1]:
        log.run.count("round", None, int(found[1]))


def _announced(log: LogFile, found: re.Match[str]) -> None:
    """Take what a server before 1.0 says first, and a later one after its start."""
    if log.run.closed:
        log.restart()
    log.run.count("round", None, int(found[1]))


def _answered(log: LogFile, found: re.Match[str]) -> None:
    log.phase = "train"
    if log.server_round is None:
        return
    record = log.run.aggregation(log.server_round, log.at)
    record.answered, record.failed = int(found[1]), int(found[2])
    if record.answered == 0:
        log.add_incident(IncidentKind.no_clients, found[0])


def _evaluated(log: LogFile, found: re.Match[str]) -> None:
    log.phase = EVALUATING
    number = log.server_round if log.server_round is not None else 1 + max(log.run.evaluation_replies, default=0)
    log.run.add_evaluation_replies(number, int(found[1]), int(found[2]), at=log.at)


def _losses(log: LogFile, found: re.Match[str]) -> None:
    """Take a list at the end of Flower before 1.8, of losses or, before 1.0, of accuracies."""
    dataset = CLIENTS if found[2] == "distributed" else SERVER
    for number, value in re.findall(rf"\((\d+), {NUMBER}\)", found[3]):
        loss, metrics = (float(value), {}) if found[1] == "losses" else (None, {"accuracy": float(value)})
        log.run.add_evaluation(int(number), loss, at=log.at, dataset=dataset, metrics=metrics)


def _error_reply(log: LogFile, found: re.Match[str]) -> None:
    node = f"node {found[1]}"
    if log.phase != EVALUATING and log.server_round is not None:
        log.run.aggregation(log.server_round, log.at).rejected[node] = (
            log.run.redact(found[2][:200], log.at) or "an error without a reason"
        )
    log.add_incident(IncidentKind.client_failed, found[0], client=node)


def _initial(log: LogFile, found: re.Match[str]) -> None:
    if any(number == 0 for _, number in log.run.evaluations) and log.server_round:
        log.restart()
    log.run.add_evaluation(0, float(found[1]), at=log.at)


def _settings(log: LogFile, found: re.Match[str]) -> None:
    values = {key: value for key, value in mapping(found[1]).items() if isinstance(value, bool | int | float | str)}
    log.run.add_decision(0, values, at=log.at, reason="the configuration that the strategy sends")


def _given(log: LogFile, **settings: float) -> None:
    log.run.add_decision(0, settings, at=log.at, reason="given to the strategy")


def _rounds(log: LogFile, found: re.Match[str]) -> None:
    _given(log, rounds=int(found[1]))
    log.run.count("round", None, int(found[1]))


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
    r"evaluate_round(?: \d+)?: no clients",
    r"Initializing global parameters",
    r"Getting initial parameters",
    r"Evaluating initial parameters",
    r"Opened (?:in)?secure gRPC",
    r"ChannelConnectivity\.(?:IDLE|CONNECTING|SHUTDOWN)",
    r"gRPC channel closed",
    r"Insecure gRPC channel closed",
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
_READY = "Flower's connections that are ready"  # what the log keeps


def _connected(log: LogFile, _: re.Match[str]) -> None:
    log.memory[_READY] = log.memory.get(_READY, 0) + 1


def _lost_connection(log: LogFile, found: re.Match[str]) -> None:
    """Keep that a connection failed, until one is ready again or anything is measured."""
    memory, begun, measured = log.memory, log.memory.get(_READY, 0), log.measured
    log.add_incident(
        IncidentKind.error_logged,
        found[0],
        since=lambda: memory.get(_READY, 0) - begun + log.measured - measured,
    )


RULES: tuple[Rule, ...] = (
    rule(r"ChannelConnectivity\.TRANSIENT_FAILURE", _lost_connection),
    rule(r"ChannelConnectivity\.READY", _connected),
    rule(
        r"ROUND (\d+)(?:/(\d+))?\]",
        lambda log, found: log.enter_round(int(found[1]), int(found[2]) if found[2] else None),
    ),
    rule(r"Starting Flower (?:server|simulation|ServerApp), config:?(?:.*?num_rounds=(\d+))?", _started),
    rule(r"Starting \w+ strategy:", lambda log, _: log.restart()),
    rule(r"configure_fit: strategy sampled (\d+) clients \(out of \d+\)", _sampled),
    rule(r"configure_train: Sampled (\d+) nodes \(out of \d+\)", _sampled),
    rule(r"configure_fit: no clients selected, cancel", incident(IncidentKind.no_clients)),
    rule(r"fit_round(?: \d+)?: strategy sampled (\d+) clients", _sampled_old),
    rule(r"fit_round(?: \d+)? received (\d+) results and (\d+) failures", _answered),
    rule(r"aggregate_(?:fit|train): [rR]eceived (\d+) results and (\d+) failures", _answered),
    rule(r"aggregate_evaluate: [rR]eceived (\d+) results and (\d+) failures", _evaluated),
    rule(r"evaluate_round(?: \d+)?: strategy", phase(EVALUATING)),
    rule(r"configure_evaluate: ", phase(EVALUATING)),
    rule(r"evaluate_round(?: \d+)? received (\d+) results and (\d+) failures", _evaluated),
    rule(r"app_fit: (losses|accuracies)_(distributed|centralized) (\[.*\])", _losses),
    rule(r"app_fit: metrics_(distributed_fit|distributed|centralized) (\{.*)", printed_history),
    rule(r"FL starting"),
    rule(r"FL finished in", lambda log, _: log.end_run()),
    rule(
        r"Flower (?:server running|ECE: gRPC server running) \(.*?(\d+) rounds",
        _announced,
    ),
    rule(r"Received error in reply from node (\d+): (.*)", _error_reply),
    rule(rf"initial parameters \(loss, other metrics\): {NUMBER}", _initial),
    rule(rf"fit progress: \((\d+), {NUMBER}, (?:(\{{.*?\}}), )?", progress),
    rule(r"Initial global evaluation results: (.*)", lambda log, found: evaluated(log, 0, found[1])),
    rule(r"Global evaluation", phase("global")),
    rule(r"MetricRecord: (.*)", lambda log, found: evaluated(log, log.server_round, found[1])),
    rule(r"Aggregated MetricRecord: (.*)", aggregated),
    rule(r"ConfigRecord \(train\): (\{.*\})", _settings),
    rule(r"Number of rounds: (\d+)", _rounds),
    rule(rf"Proximal mu: {NUMBER}", lambda log, found: _given(log, proximal_mu=float(found[1]))),
    rule(r"Run finished (\d+) rounds?\b", lambda log, found: log.end_run(int(found[1]))),
    rule(r"Strategy execution finished in", lambda log, _: log.end_run()),
    rule(r"Final results:", phase(FINAL)),
    rule(r"History \((?:loss|metrics), centralized", phase(CENTRALIZED)),
    rule(r"History \(metrics, distributed, fit", phase(HISTORY_OF_FIT)),
    rule(r"History \((?:loss|metrics), \w+", phase(HISTORY_OF_CLIENTS)),
    rule(rf"round (\d+): {NUMBER}$", history_round),
    rule(
        rf"tround (\d+): {NUMBER}\\n'", history_round
    ),  # Flower 1.8 and later pretty-print the text: ('\\tround 1: …\\n'
    rule(r"RUN \d+, ROUND (\d+)\]", _message_round),
    *map(rule, _NOISE),
)

LINES = LineReader(NAME, ("(",), read_history)
