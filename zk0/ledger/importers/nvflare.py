"""Rules for NVFlare's workflows and clients: ScatterAndGather and its successors, simulated or deployed.

Each line names who wrote it: `[identity=site-1, run=…]: message`, which is its lane (`lines.split_prefix`).
"""

import re

from zk0.ledger.importers.actions import incident
from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.records import UNTOLD
from zk0.ledger.importers.rules import Rule, rule
from zk0.ledger.importers.run_builder import client_name
from zk0.ledger.log_events import IncidentKind

NAME = "NVFlare"


def _contribution(log: LogFile, found: re.Match[str]) -> None:
    number = int(found[3]) + 1 if found[3] else log.server_round or 1
    record = log.run.aggregation(number, log.at)
    name = client_name(found[1])
    if found[2] == "ACCEPTED":
        record.answered = (record.answered or 0) + 1
        record.rejected.pop(name, None)
    else:
        record.rejected[name] = log.run.redact(found[0][:200], log.at)


def _round(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]) + 1)  # from 0
    log.run.note("NVFlare counts rounds from 0; here they begin with 1, since 0 is what was there before training")


def _client_round(log: LogFile, found: re.Match[str]) -> None:
    """Take the round that a client of NVFlare's examples says it is in: from 1."""
    log.enter_round(int(found[1]), int(found[2]))


def _ended(log: LogFile, found: re.Match[str]) -> None:
    """A client is asked to end at the end of each run, and when the server gives one up: its rounds decide."""
    if any(one.unit == "round" and one.planned == one.reached for one in log.run.progress.events()):
        log.end_run()
    else:
        log.add_incident(IncidentKind.interrupted, found[0])


def _validated(log: LogFile, found: re.Match[str]) -> None:
    """Take a client's accuracy, of the model that it was sent or of its own one after training."""
    kind, text = found.groups()
    client = log.stream.client or "client"
    # The global model is evaluated before the line that says which round begins with it.
    number = (log.server_round or 0) + (kind == "global")
    log.add_evaluation(
        number, None, dataset=f"{client}, {kind} model", missing=UNTOLD, metrics={"accuracy": float(text)}
    )


RULES: tuple[Rule, ...] = (
    rule(r"Round (\d+) started\.", _round),
    rule(r"Round (\d+) finished\."),
    rule(r"Beginning (?:model_controller|ScatterAndGather|controller) run"),
    rule(r"Contribution from (\S+) (ACCEPTED|REJECTED) by the aggregator(?: at round (\d+))?.*", _contribution),
    rule(r"Discarded (?:the )?(?:result|contribution)s? from (?P<client>\S+).*", incident(IncidentKind.client_failed)),
    rule(r"Finished (?:ScatterAndGather|FedAvg|Cyclic|FedProx|Scaffold) Training", lambda log, _: log.end_run()),
    rule(r"Finished FedAvg\.", lambda log, _: log.end_run()),
    rule(r"Current/Total Round: (\d+)/(\d+)", _client_round),
    rule(r"received aux request from Server to end current RUN"),
    rule(r"ABORT \(RUN\) command received.*", _ended),
    rule(r"val_acc_(global|local)_model(?: \(\w+\))?: ([\d.]+)$", _validated),
    rule(r"submit_update.*(?:failed|timeout|timed out).*", incident(IncidentKind.client_failed)),
    rule(r"submitUpdate.*(?:failed|timeout|timed out).*", incident(IncidentKind.client_failed)),
    rule(r"failed to send task result.*", incident(IncidentKind.client_failed)),
    rule(r"job aborted: .*", incident(IncidentKind.error_logged)),
    rule(r"Received command to abort job.*", incident(IncidentKind.error_logged)),
    rule(r"child worker process finished with RC [1-9].*", incident(IncidentKind.error_logged)),
    rule(r"pull_task completed\. +Task name: ?__try_again__.*", incident(IncidentKind.waiting)),
    rule(r"fetching task from server"),
    rule(r"Starting to fetch execute task"),
    rule(r"Received from \S+ server +\(\d+ Bytes\)"),
    rule(r"server asked to try again"),
    rule(r"check status from process listener"),
    rule(r"aggregating \d+ update\(s\) at round \d+"),
    rule(r"scheduled task"),
    rule(r"assigned task"),
    rule(r"Start (?:aggregation|persist model on server)"),
    rule(r"End (?:aggregation|persist model on server)"),
    rule(r"updating model\b"),
    # A client registers with a token of this session: an identifier, and no secret that outlives it.
    rule(r"Client: New client \S+ joined\. Sent token: "),
    rule(r"Successfully registered client:"),
    rule(r"Create the (?:Simulator Server|simulate clients)"),
    rule(r"Starting Admin Server"),
    rule(r"starting (?:in)?secure server at"),
    rule(r"Deploy (?:the Apps|and start the Server App)"),
    rule(r"Set the client status ready"),
)
