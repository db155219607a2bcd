"""What a column of numbers is called elsewhere, and what it is here.

Names are compared without case, and with `/`, `.`, `-` and blanks read as `_`. What was read as what is told to the
user: a guess that nobody sees is a trap.
"""

import math
import re
from collections.abc import Mapping, Sequence

SYNONYMS: dict[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "_step", "iteration", "iter", "steps", "train_step", "train_steps", "batch", "it"),
    "round": ("round", "server_round", "rnd", "fl_round", "round_number", "communication_round"),
    "client": ("client", "client_id", "cid", "node", "node_id", "partition_id", "partition", "client_name"),
    "policy_loss": (
        "policy_loss", "train_policy_loss", "main_loss", "original_loss", "task_loss", "loss", "train_loss",
        "training_loss", "avg_policy_loss", "train_train_loss",
    ),
    "proximal_loss": ("proximal_loss", "fedprox_loss", "prox_loss", "proximal_term", "train_proximal_loss", "prox"),
    "total_loss": ("total_loss", "adjusted_loss", "train_total_loss"),
    "gradient_norm": ("gradient_norm", "grad_norm", "grdn", "train_grad_norm", "train_gradient_norm", "gradnorm"),
    "learning_rate": ("learning_rate", "lr", "train_lr", "train_learning_rate"),
    "drift": ("drift", "weight_drift", "param_drift"),
    "memory_allocated": ("memory_allocated", "gpu_memory_allocated", "cuda_memory_allocated"),
    "evaluation": (
        "eval_loss", "server_eval_loss", "server_eval_policy_loss", "val_loss", "validation_loss", "test_loss",
        "eval_eval_loss", "server_composite_eval_loss", "centralized_loss", "loss_centralized", "eval_policy_loss",
    ),
    "mu": ("proximal_mu", "mu", "fedprox_mu"),
    "update_norm": ("param_update_norm", "update_norm"),
}  # fmt: skip

SERIES = ("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "learning_rate", "drift", "memory_allocated")
_MEANINGS = {name: (meaning, place) for meaning, names in SYNONYMS.items() for place, name in enumerate(names)}
_PER_CLIENT = re.compile(
    r"client_(?P<client>.+?)_(?P<name>policy_loss|fedprox_loss|loss|grad_norm|param_update_norm|lr)"
)


def plain(name: str) -> str:
    """Return a column's name without case and marks."""
    return re.sub(r"[\s/.\-]+", "_", name.strip()).lower()


def meanings(names: Sequence[str]) -> dict[str, str]:
    """Return {meaning: column} for the columns that are known; of several with one meaning, the most telling."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        meaning, place = _MEANINGS.get(plain(name), ("", 0))
        if meaning and (meaning not in found or place < found[meaning][0]):
            found[meaning] = (place, name)
    total = next((name for name in names if plain(name) in ("loss", "train_loss")), None)
    # Beside a policy loss and a proximal one, `loss` is what both make together.
    if (
        total
        and "total_loss" not in found
        and found.get("policy_loss", (0, total))[1] != total
        and "proximal_loss" in found
    ):
        found["total_loss"] = (0, total)
    return {meaning: name for meaning, (_, name) in found.items()}


def of_client(name: str) -> tuple[str, str] | None:
    """Return (client, metric) of a column like `client_3_policy_loss`."""
    found = _PER_CLIENT.fullmatch(plain(name))
    return (found["client"], found["name"]) if found else None


def number(value: object) -> float | None:
    """Return a value as a number, None where it is none; NaN stays NaN."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and value.strip():
        try:
            return float(value)
        except ValueError:
            return None
    return None


def evaluation_loss(told: Mapping[str, object]) -> tuple[str | None, float | None]:
    """Return (key, loss) of an evaluation's metrics; None where it is not finite, and both where none is told."""
    for key in (*SYNONYMS["evaluation"], "loss", "policy_loss", "mse", "server_policy_loss"):
        for name, value in told.items():
            if plain(name) == key:
                found = number(value)
                return name, found if found is not None and math.isfinite(found) else None
    return None, None


def training_summary(told: Mapping[str, object]) -> dict[str, float]:
    """Return {series: mean} of what a client, or the server for all, says of a round's training."""
    cleaned = {re.sub(r"^(?:avg_client_|avg_)", "", plain(name)): value for name, value in told.items()}
    found = {}
    for meaning, name in meanings(list(cleaned)).items():
        value = number(cleaned[name])
        if meaning in SERIES and value is not None:
            found[meaning] = value
    return found
