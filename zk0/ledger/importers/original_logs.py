"""What the original zk0's lines say, in both eras of its life.

Until early October 2025 the proximal term was told apart (`FedProx proximal_loss=`, `adjusted loss=`); later both stand
in one line (`total_loss=… (main=… + proximal=…)`). Its losses and norms are printed with four digits, a learning rate
below 5e-5 therefore as 0.0000: such a rate is not taken for a measurement.
"""

import re

from zk0.ledger.importers.columns import number, training_summary
from zk0.ledger.importers.flower import NUMBER, mapping
from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.rules import Rule, rule
from zk0.ledger.importers.run_builder import client_name
from zk0.ledger.incidents import IncidentKind

NAME = "original zk0"
GIGABYTE = 1e9  # bytes; 25.30 GB is what it prints for a card of 23.57 GiB


def _proximal(log: LogFile, found: re.Match[str]) -> None:
    step, value = int(found[1]), float(found[2])
    log.measured(step, {"proximal_loss": value})
    log.training().settings["proximal-mu"] = float(found[3])
    log.lane.proximal = (step, value)


def _adjusted(log: LogFile, found: re.Match[str]) -> None:
    step, total = int(found[1]), float(found[2])
    known = log.lane.proximal
    if known is not None and known[0] == step:
        log.run.note("the policy loss is the adjusted loss without the proximal term of the same step")
        log.measured(step, {"total_loss": total, "policy_loss": round(total - known[1], 6)})
    else:
        log.measured(step, {"total_loss": total})


def _split(log: LogFile, found: re.Match[str]) -> None:
    step, total, policy, proximal = found.groups()
    log.measured(
        int(step), {"total_loss": float(total), "policy_loss": float(policy), "proximal_loss": float(proximal)}
    )


def _memory(log: LogFile, found: re.Match[str]) -> None:
    step, allocated, reserved = found.groups()
    log.measured(
        int(step),
        {"memory_allocated": float(allocated) * GIGABYTE, "memory_reserved": float(reserved) * GIGABYTE},
    )


def _progress(log: LogFile, found: re.Match[str]) -> None:
    # A count of steps done: step 10 of 50 is the one with index 9.
    name = "total_loss" if found[3] else "policy_loss"
    step = max(int(found[1]) - 1, 0)
    if name not in log.training().series or log.training().last_step < step:
        log.measured(step, {name: float(found[2])})


def _each_250(log: LogFile, found: re.Match[str]) -> None:
    rate = float(found[4])
    told = {"total_loss": float(found[2]), "gradient_norm": float(found[3])} | ({"learning_rate": rate} if rate else {})
    log.measured(max(int(found[1]) - 1, 0), told)


def _end(log: LogFile, found: re.Match[str]) -> None:
    told = {key: float(value) for key, value in re.findall(rf"(\w+)={NUMBER}", found[1])}
    steps = int(told.pop("steps_completed", 0))
    if told.get("lr") == 0:
        told.pop("lr")
    if steps and not any(told.values()):
        log.happened(IncidentKind.sentinel, found[0])  # the meters were set back just before
        log.finish()
        return
    log.training().summarise(training_summary(told), steps or None)
    log.finish()


def _enter(log: LogFile, found: re.Match[str]) -> None:
    log.begin()
    log.lane.settings["local-steps"] = int(found[1])


def _client_norm(log: LogFile, found: re.Match[str]) -> None:
    lane = log.speaks(found[1], None if found[2] == "None" else int(found[2]))
    if found[3] == "PRE":
        log.begin()
    elif lane.record is not None:
        lane.number = None
        log.finish()


def _client_setting(log: LogFile, found: re.Match[str]) -> None:
    key = "proximal-mu" if found[2] == "proximal_mu" else "learning-rate"
    lane = log.speaks(found[1])
    if key in lane.settings and lane.record is not None:
        lane.record = None  # the settings of the next round
    lane.settings[key] = float(found[3])


def _client_returned(log: LogFile, found: re.Match[str]) -> None:
    log.speaks(found[1])
    told = mapping(found[2])
    steps = number(told.get("num_steps") or told.get("steps_completed"))
    record = log.training()
    record.summarise(training_summary(told), int(steps) if steps else None)
    _update(log, told.get("param_update_norm"))
    digest = told.get("param_hash")
    if isinstance(digest, str) and digest:
        record.digest_out = digest


def _update_norm(log: LogFile, found: re.Match[str]) -> None:
    log.speaks(found[1])
    _update(log, found[2])


def _update(log: LogFile, value: object) -> None:
    norm = number(value)
    if norm is not None:
        log.training().update_norm["all"] = norm


def _validated(log: LogFile, found: re.Match[str]) -> None:
    log.speaks(found[1]).digest_in = found[2]


def _decision(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    settings = {"proximal-mu": float(found[2]), "learning-rate": float(found[3])}
    log.run.decided(int(found[1]), settings, at=log.at, reason=found[4])


def _fixed_decision(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    log.run.decided(int(found[1]), {"proximal-mu": float(found[2])}, at=log.at, reason="fixed adjustment")


def _server_norm(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))


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
        log.run.aggregation(log.server_round, log.at).rejected.setdefault(name, log.run.plain(found[2][:200], log.at))
    log.happened(IncidentKind.client_failed, found[0], client=name)


def _composite(log: LogFile, found: re.Match[str]) -> None:
    loss, frames = float(found[1]), int(found[2])
    number = log.server_round or 0
    if frames == 0:
        log.happened(IncidentKind.sentinel, found[0])
        log.run.evaluated(number, None, at=log.at, missing=f"no frame was evaluated; the {loss:g} stands for that")
    else:
        log.run.evaluated(number, loss, at=log.at, frames=frames)


def _sent(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    record = log.run.aggregation(int(found[1]), log.at)
    record.digest_in = record.digest_in or found[3]


def _aggregated(log: LogFile, found: re.Match[str]) -> None:
    log.enter_round(int(found[1]))
    record = log.run.aggregation(int(found[1]), log.at)
    record.digest_out = record.digest_out or found[2]


def _mismatch_at_client(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.hash_mismatch, found[0])


def _mismatch(log: LogFile, found: re.Match[str]) -> None:
    if log.server_round is not None:
        log.run.aggregation(log.server_round, log.at).excluded[client_name(found[1])] = "its digest is another"
    log.happened(IncidentKind.hash_mismatch, found[0], client=found[1])


def _no_hash(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.hash_missing, found[0], client=found[1])


def _corrupt(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.decode_error, found[0])


def _restarted(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.loader_restarted, found[0])


def _batch_skipped(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.batch_skipped, found[0])


def _step_skipped(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.step_skipped, found[0])


def _token(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.token_missing, found[0])


def _success(log: LogFile, found: re.Match[str]) -> None:
    log.happened(IncidentKind.success_claimed, found[0])


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
    rule(rf"Step (\d+): FedProx total_loss={NUMBER} \(main={NUMBER} \+ proximal={NUMBER}\)", _split),
    rule(rf"Step (\d+): FedProx proximal_loss={NUMBER} \(mu={NUMBER}, ", _proximal),
    rule(rf"Step (\d+): FedProx adjusted loss={NUMBER} ", _adjusted),
    rule(rf"Step (\d+): VRAM before update_policy - Allocated: {NUMBER} GB, Reserved: {NUMBER} GB", _memory),
    rule(rf"Step (\d+) PID:\d+ pre-forward alloc={NUMBER}GB res={NUMBER}GB", _memory),
    rule(rf"Step (\d+): loss={NUMBER}, grad_norm={NUMBER}, lr={NUMBER}, update_s=", _each_250),
    rule(rf"DIAG: Step (\d+)/\d+ completed, loss_avg={NUMBER}, time_elapsed=[\d.]+s(, total_skipped)?", _progress),
    rule(r"Entering training loop: target steps=(\d+)", _enter),
    rule(r"Train end: Final metrics - (.*)", _end),
    rule(r"Client (\S+) R(\d+|None) (PRE|POST)-TRAIN: Full norm=", _client_norm),
    rule(rf"Client (\S+): Using (proximal_mu|initial_lr)={NUMBER}", _client_setting),
    rule(r"Client (\S+): train\(\) returned successfully with metrics: (\{.*\})", _client_returned),
    rule(rf"Client (\S+): Computed param_update_norm={NUMBER}", _update_norm),
    rule(r"Client (\S+): Parameter hash validated: ([0-9a-f]+)", _validated),
    rule(rf"Server R(\d+): Dynamic decay mu={NUMBER}, lr={NUMBER} \((\w+)", _decision),
    rule(rf"Server R(\d+): Fixed adjust mu={NUMBER}", _fixed_decision),
    rule(r"Server R(\d+) POST-AGG: Full norm=", _server_norm),
    rule(r"Server: Received (\d+) successful results, (\d+) failures", _answered),
    rule(r"Server: (\d+) client failures in fit round (\d+)", _failures),
    rule(r"Failure (\d+): (\w+: .*)", _failure),
    rule(rf"Server: Composite evaluation completed - average loss={NUMBER}, total_examples=(\d+)", _composite),
    rule(r"server_fit_r(\d+)_client(\w+): \d+ params, hash=([0-9a-f]+)", _sent),
    rule(r"server_aggregated_r(\d+): \d+ params, hash=([0-9a-f]+)", _aggregated),
    rule(r"Parameter hash mismatch! Expected: ([0-9a-f]+), Received: ([0-9a-f]+)", _mismatch_at_client),
    rule(r"Server: Parameter hash MISMATCH for client (\S+)! .*", _mismatch),
    rule(r"Server: Client (\S+) provided no parameter hash.*", _no_hash),
    rule(r"Skipping corrupt batch in episode (\S+) due to decoding error: .*", _corrupt),
    rule(r"Dataloader iterator exhausted unexpectedly.*", _restarted),
    rule(r"Unexpected error in data loader for episode .*", _batch_skipped),
    rule(r"Could not fetch valid batch after \d+ attempts in step.*", _step_skipped),
    rule(r"Error in training step \d+: .*", _step_skipped),
    rule(r"HF_TOKEN (?:check: MISSING|missing).*", _token),
    rule(r"Server: Successfully pushed .*", _success),
    rule(r"SUCCESS\] (.*)", _success),
    *map(rule, _NOISE),
)  # fmt: skip
