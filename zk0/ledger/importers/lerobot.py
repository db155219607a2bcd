"""Rules for the log lines of LeRobot's training, of 0.6.1 and before.

`lerobot/scripts/lerobot_train.py` and `utils/logging_utils.py` print:

    step:200 smpl:2K ep:3 epch:0.31 loss:0.812 grdn:4.310 lr:9.5e-05 updt_s:0.310 data_s:0.004 smp/s:25 mem_gb:2.10

Each value is a mean over the steps since the last line. Step numbers above 999 are printed as `1K`, so from there on
they are counted in the distance of the first two lines, as long as that agrees with what is printed.
"""

import re

from zk0.ledger.importers.actions import incident
from zk0.ledger.importers.flower_metrics import NUMBER
from zk0.ledger.importers.logs import LogFile
from zk0.ledger.importers.rules import Rule, rule
from zk0.ledger.importers.streams import StepCounter
from zk0.ledger.log_events import IncidentKind

NAME = "LeRobot"
CLIENT = "local"  # LeRobot's training knows no clients
GIBIBYTE = 2.0**30  # bytes
_SCALE = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_NAMES = {
    "loss": "policy_loss",
    "grdn": "gradient_norm",
    "lr": "learning_rate",
    "mem_gb": "memory_allocated",
    "updt_s": "step_seconds",
    "data_s": "data_seconds",
}
_FIELDS = re.compile(rf"([\w/]+):{NUMBER}")


def _step(log: LogFile, found: re.Match[str]) -> None:
    stream = log.stream
    if stream.client is None:
        stream.client = CLIENT
        stream.number = 1
        log.run.note("a training without rounds or clients: read as round 1 of a client named local")
    log.run.note("each entry of a series is LeRobot's mean over the steps since the entry before")
    steps = stream.steps
    printed, scale = int(found[1]), _SCALE[found[2]]
    if scale == 1 and printed <= steps.last and stream.record is not None:
        if printed == steps.last:
            return  # the same line again
        stream.number = stream.record.round + 1
        stream.record = None
        steps = stream.steps = StepCounter()
    done = steps.next(printed, scale)
    values = {_NAMES[name]: float(value) for name, value in _FIELDS.findall(found[3]) if name in _NAMES}
    if "memory_allocated" in values:
        values["memory_allocated"] *= GIBIBYTE
    log.add_measurements(max(done - 1, 0), values)


def _evaluated(log: LogFile, found: re.Match[str]) -> None:
    number = 1 + max((one.round for one in log.run.evaluations.values()), default=0)
    log.run.note("LeRobot's evaluations during training are read as rounds 1, 2, … in their order")
    log.run.add_evaluation(number, float(found[2]), at=log.at, dataset="evaluation split")


_NOISE = (
    r"Logs will be saved locally",
    r"Output dir:",
    r"cfg\.\w+",
    r"dataset\.num_",
    r"Effective batch size",
    r"num_(?:learnable|total)_params",
    r"Checkpoint policy after step",
    r"Loading  ?\S+ weights",
    r"Reducing the number of VLM layers",
    r"We will use \d+% of the memory on device",
    r"Resolving data files",
    r"Eval policy at step",
)

RULES: tuple[Rule, ...] = (
    rule(r"step:(\d+)([KMB]?) smpl:\S+ ep:\S+ epch:\S+ (.*)", _step),
    rule(rf"step (\d+): eval_loss={NUMBER}", _evaluated),
    rule(r"Creating (?:dataset|policy|optimizer|env|reward model)", lambda log, _: log.run.count("step", 0.0)),
    rule(r"End of training", lambda log, _: log.end_run()),
    rule(r"One or several (?:query )?timestamps unexpectedly violate the tol.*", incident(IncidentKind.timestamps)),
    rule(r"Start offline training on a fixed dataset", lambda log, _: log.restart()),
    *map(rule, _NOISE),
)
