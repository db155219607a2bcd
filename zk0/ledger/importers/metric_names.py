"""Which of a program's names mean what: `train_loss`, `loss_step` and `avg policy loss` are a training's loss.

Names are compared without case, and with `/`, `.`, `-` and blanks read as `_`. The table has what programs print; where
a name is made of known words (`train_vae_loss`, `eval_f1`), a rule does.
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from zk0.ledger.importers.progress_counts import Unit
from zk0.ledger.importers.score_names import Shares, as_score, plain, rank, score_of
from zk0.ledger.schema import RETURN

SYNONYMS: dict[str, tuple[str, ...]] = {
    "step": (
        "step", "global_step", "_step", "iteration", "iter", "steps", "train_step", "train_steps", "batch", "it",
        "update", "train_global_step", "trainer_global_step", "iters", "num_updates", "iterations",
        "n_updates", "nupdates",
    ),
    "epoch": ("epoch", "epochs", "epoch_num", "train_epoch", "ep"),
    "round": ("round", "server_round", "rnd", "fl_round", "round_number", "communication_round", "current_round"),
    "client": ("client", "client_id", "cid", "node", "node_id", "partition_id", "partition", "client_name", "identity"),
    "policy_loss": (
        "policy_loss", "train_policy_loss", "main_loss", "original_loss", "task_loss", "loss", "train_loss",
        "training_loss", "avg_policy_loss", "train_train_loss", "loss_step", "train_loss_step", "tr_loss", "lm_loss",
        "action_loss", "bc_loss", "mse_loss", "flow_matching_loss", "diffusion_loss", "loss_epoch", "train_loss_epoch",
        "running_loss", "batch_loss", "loss_policy", "loss_avg", "losspi", "loss_pi",
        "loss_train", "pi_loss", "loss_actor", "epoch_loss", "actor_loss", "surrogate_loss",
    ),
    "proximal_loss": ("proximal_loss", "fedprox_loss", "prox_loss", "proximal_term", "train_proximal_loss", "prox"),
    "total_loss": (
        "total_loss", "adjusted_loss", "train_total_loss", "losses_total_loss", "loss_total", "losses_total",
    ),
    "gradient_norm": (
        "gradient_norm", "grad_norm", "grdn", "train_grad_norm", "train_gradient_norm", "gradnorm", "gnorm",
        "total_norm", "global_grad_norm", "grad_norm_step",
    ),
    "learning_rate": (
        "learning_rate", "lr", "train_lr", "train_learning_rate", "current_lr", "base_lr", "lr_pg0", "lr_adamw",
        "lr_adam", "lr_sgd",
    ),
    "drift": ("drift", "weight_drift", "param_drift"),
    "accuracy": (
        "accuracy", "acc", "train_acc", "train_accuracy", "training_accuracy", "top1", "train_acc_step", "acc1",
        "acc@1", "train_auc", "accu", "rewards_accuracies",
    ),
    "step_seconds": (
        "updt_s", "step_time", "time_per_step", "iter_time", "batch_time", "sec_per_step", "update_s", "time",
    ),
    "data_seconds": ("data_s", "data_time", "dataloading_s", "data_loading_time", "data_wait_time", "loader_time"),
    "memory_allocated": ("memory_allocated", "gpu_memory_allocated", "cuda_memory_allocated"),
    "evaluation": (
        "eval_loss", "server_eval_loss", "server_eval_policy_loss", "val_loss", "validation_loss", "test_loss",
        "eval_eval_loss", "server_composite_eval_loss", "centralized_loss", "loss_centralized", "eval_policy_loss",
        "valid_loss", "dev_loss", "loss_val", "loss_test", "val_loss_epoch", "evaluation_loss", "global_loss",
        "test_test_loss", "val_val_loss", "eval_mse", "val_mse", "val_total_loss",
    ),
    "evaluation_accuracy": (
        "val_acc", "val_accuracy", "test_acc", "test_accuracy", "eval_accuracy", "eval_acc", "validation_accuracy",
        "valid_acc", "accuracy_top1", "global_accuracy", "centralized_accuracy", "dev_acc", "validation_acc",
        "test_accurancy", "clean_acc", "clean_accuracy", "eval_auc", "val_auc", "test_auc", "valid_auc", "v_acc",
        "eval_rewards_accuracies", "pairwise_accuracy",
    ),
    "reward": (
        "reward", "mean_reward", "ep_rew_mean", "episode_reward_mean", "episode_reward", "reward_mean", "avg_reward",
        "average_reward", "eprewmean", "ep_reward", "ep_rew", "rollout_ep_rew_mean", "train_mean_reward",
        "episode_return", "mean_return", "average_return", "ep_return", "episodic_return", "return", "avg_return",
        "episode_return_mean", "mean_episode_reward", "mean_episode_return", "total_reward", "average_score",
        "avg_score", "ep_ret", "averageepret", "train_reward", "reward_avg", "rewards",
    ),
    "value_loss": (
        "value_loss", "value_function_loss", "mean_value_function_loss", "mean_value_loss", "critic_loss", "vf_loss",
        "loss_v", "lossv", "loss_critic", "qf_loss", "q_loss", "lossq",
    ),
    "policy_change": ("approx_kl", "approxkl", "mean_kl", "train_approx_kl", "losses_approx_kl", "approxkl_avg"),
    "mu": ("proximal_mu", "mu", "fedprox_mu"),
    "update_norm": ("param_update_norm", "update_norm"),
}  # fmt: skip

# Names by which configurations, headings and bars say how much is planned.
PLANNED: dict[Unit, tuple[str, ...]] = {
    "epoch": ("num_epochs", "max_epochs", "num_train_epochs", "total_epochs", "n_epochs", "train_epochs"),
    "round": ("num_rounds", "num_server_rounds", "total_rounds", "n_rounds", "max_rounds", "comm_rounds", "rounds"),
    "step": (
        "max_steps", "num_steps", "total_steps", "num_train_steps", "train_steps", "total_optimization_steps",
        "max_iters", "num_training_steps", "max_iterations", "total_iterations", "max_train_steps", "cfg_steps",
        "total_train_steps",
    ),
}  # fmt: skip

SERIES = (
    *("policy_loss", "proximal_loss", "total_loss", "gradient_norm", "learning_rate", "drift", "memory_allocated"),
    *("accuracy", "reward", "value_loss", "policy_change", "step_seconds", "data_seconds"),
)
_MEANINGS = {name: (meaning, place) for meaning, names in SYNONYMS.items() for place, name in enumerate(names)}
_PLANNED = {name: unit for unit, names in PLANNED.items() for name in names}
_FILLERS = re.compile(r"^(?:(?:averaged?|avg|avr|mean|current|cur|overall|final|best|total|epoch|global)_)+(?=\w)")
_AVERAGES = re.compile(r"_(?:avg|mean|average)(?=_|$)")
# `train_vae_loss`, `training's binary_logloss`, `validation_1-rmse`; by themselves, what stands for a loss
SOME_LOSS = re.compile(
    r"(?:tr|train(?:ing)?|learn|(?P<judged>val(?:id(?:ation)?)?(?:_\d+)?|test(?:ing)?|eval(?:uation)?|dev))_"
    r"\w*(?:loss|rmse|mse|mae|cross_entropy|xent|nll|cost|smooth_?l1)"
)
# XGBoost numbers the data sets it evaluates: the data of training comes first, and the last one stops it early.
_NUMBERED = re.compile(r"validation_(?P<number>\d+)_")
_FOR_A_LOSS = frozenset({
    "rmse", "mse", "logloss", "cross_entropy", "xent", "nll_loss", "cost", "learn", "mean_rms", "smoothl1",
    "smooth_l1", "crossentropy", "huber", "nll", "loss_value",
})  # fmt: skip
# `mean 100 episode reward`, `train/episode_return`; not one term of a reward, nor an evaluation's
_SOME_REWARD = re.compile(
    r"(?:train(?:ing)?_|rollout_|charts_)?(?:(?:mean|avg|average|total|cumulative|running|last|learning)_)*(?:\d+_)?"
    r"(?:(?:ep|epi|episode|episodic|episodes)_?)?(?:rewards?|returns?|rew|ret|reward_score)"
    r"(?:_(?:mean|avg|sum|per_episode|last_\d+_episodes))?"
)
_EVALUATED_REWARD = re.compile(
    rf"(?:(?:avg|mean|average)_)?(?:eval(?:uation)?|test(?:ing)?|validation)_(?:avg_|mean_)?(?:{_SOME_REWARD.pattern})"
)
# Of a variational autoencoder, which ignores its code where it is 0; without a reconstruction it is something else's.
_DIVERGENCE = re.compile(r"(?:\w+_)?kl(?:d|_div(?:ergence)?|_loss|_term)?(?:_loss)?")
_RECONSTRUCTION = re.compile(r"(?:\w+_)?(?:rec|recon|recons|reconstruction)(?:_\w+)?")
# Without those that are 0 by design: of classes where there is one, of a regulariser, of what is switched off.
_SUPERVISED = re.compile(
    r"(?:\w+_)?(?:[gdc]?iou|dfl|bbox|box|box_reg|ctc|mask|seg|keypoints?)_?loss|"
    r"(?:\w+_)?loss_(?:\w+_)?(?:[gdc]?iou|dfl|bbox|box_reg|ctc|mask|seg|keypoints?)|box"
)
# Beside these `v_loss` is the value function's, beside `loss` alone it is that of validation.
_OF_AGENTS = re.compile(r"(?:^|_)(?:pi?|a|policy|actor|critic|entropy|ent|value|reward|return|q)(?:_|$)")
_FAMILIES = re.compile(r"^(?:losses|metrics|loss|stats|train_metrics|training|perf|scalars|optim|model)_(?=\w)")
PER_CLIENT = re.compile(
    r"client_(?P<client>.+?)_(?P<name>policy_loss|fedprox_loss|loss|grad_norm|param_update_norm|lr)"
)


def meaning_of(name: str) -> str:
    """Return what a name means, without words like `average` and a family before it; empty where it means nothing."""
    return _meaning(name)[0]


@lru_cache(maxsize=4096)
def _meaning(name: str) -> tuple[str, int]:
    key = plain(name)
    bare = _AVERAGES.sub("", key)
    for candidate in (key, bare, _FILLERS.sub("", bare), _FAMILIES.sub("", bare)):
        if found := _MEANINGS.get(candidate):
            return found
    if loss := SOME_LOSS.fullmatch(key):
        return ("evaluation" if loss["judged"] else "policy_loss"), len(_MEANINGS)
    if key in _FOR_A_LOSS:
        return "policy_loss", len(_MEANINGS) + 1
    if _SOME_REWARD.fullmatch(key):
        return "reward", len(_MEANINGS)
    if _EVALUATED_REWARD.fullmatch(key):
        return "evaluation_return", len(_MEANINGS)
    score, judged = score_of(key) or ("", False)
    return (("evaluation_score" if judged else "score"), rank(score)) if score and judged is not False else ("", 0)


@lru_cache(maxsize=4096)
def is_supervised_part(name: str) -> bool:
    """Return whether a name is of a part of a loss that labels alone decide: of boxes, masks or a transcript."""
    return _SUPERVISED.fullmatch(plain(name)) is not None


@lru_cache(maxsize=4096)
def is_divergence(name: str) -> bool:
    """Return whether a name is of a divergence that holds a latent code to its prior."""
    return _DIVERGENCE.fullmatch(plain(name)) is not None


@lru_cache(maxsize=4096)
def parts_never_zero(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which columns of a row are parts of a loss that are 0 throughout only where something is wrong."""
    codes = any(_RECONSTRUCTION.fullmatch(plain(name)) for name in names)
    return tuple(name for name in names if is_supervised_part(name) or (codes and is_divergence(name)))


def planned_unit(name: str) -> Unit | None:
    """Return which unit a name plans: `num_train_epochs` plans epochs."""
    return _PLANNED.get(plain(name))


def meanings(names: Sequence[str]) -> dict[str, str]:
    """Return {meaning: column} for the columns that are known; of several with one meaning, the most specific."""
    return dict(_meanings(tuple(names)))


@lru_cache(maxsize=4096)
def _meanings(names: tuple[str, ...]) -> dict[str, str]:
    ranked: dict[str, tuple[int, str]] = {}
    sets = sorted({one["number"] for name in names if (one := _NUMBERED.match(plain(name)))}, key=int)
    for name in names:
        meaning, place = _meaning(_with_role(name, sets) if len(sets) > 1 else name)
        if meaning and (meaning not in ranked or place < ranked[meaning][0]):
            ranked[meaning] = (place, name)
    found = {meaning: name for meaning, (_, name) in ranked.items()}
    if "total_loss" in found and not found.keys() & {"policy_loss", "proximal_loss"}:
        found["policy_loss"] = found.pop("total_loss")  # a total without its parts is the loss
    if "reward" in found and any(word in plain(name) for name in names for word in ("chosen", "rejected")):
        del found["reward"]  # of one of two answers that are compared: no return of an agent
    total = next((name for name in names if plain(name) in ("loss", "train_loss")), None)
    beside = {plain(name): name for name in names}
    if total and "v_loss" in beside and "evaluation" not in found and not any(map(_OF_AGENTS.search, beside)):
        found["evaluation"] = beside["v_loss"]
    # Beside a policy loss and a proximal one, `loss` is what both make together.
    if total and found.keys() >= {"policy_loss", "proximal_loss"} and found["policy_loss"] != total:
        found.setdefault("total_loss", total)
    return found


def _with_role(name: str, sets: Sequence[str]) -> str:
    """Return the name of a numbered data set's metric by the role that it has among several; empty for none."""
    found = _NUMBERED.match(plain(name))
    if found is None:
        return name
    roles = {sets[0]: "train_", sets[-1]: "val_"}
    return roles[found["number"]] + plain(name)[found.end() :] if found["number"] in roles else ""


def parse_number(value: object) -> float | None:
    """Return a value as a number, None where it is none; NaN stays NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def evaluation_loss(readings: Mapping[str, object]) -> tuple[str | None, float | None]:
    """Return (key, loss) of an evaluation's metrics: no loss where it is not a number, neither where there is none."""
    for key in (*SYNONYMS["evaluation"], "loss", "policy_loss", "mse", "server_policy_loss"):
        for name, value in readings.items():
            if plain(name) == key:
                return name, parse_number(value)
    return None, None


def evaluation_scores(readings: Mapping[str, object], meaning: Mapping[str, str], shares: Shares) -> dict[str, float]:
    """Return the accuracy and the score of an evaluation as shares of 1, and its return, where it names them."""
    found: dict[str, float] = {}
    for kind in ("evaluation_accuracy", "evaluation_score", "score"):
        value = parse_number(readings[meaning[kind]]) if kind in meaning else None
        if value is None or not math.isfinite(value):
            continue
        value = shares.of(meaning[kind], value)
        found |= {"accuracy": value} if kind == "evaluation_accuracy" else as_score(meaning[kind], value)
    value = parse_number(readings[meaning["evaluation_return"]]) if "evaluation_return" in meaning else None
    return found if value is None or not math.isfinite(value) else found | {RETURN: value}


def training_summary(readings: Mapping[str, object]) -> dict[str, float]:
    """Return {series: mean} of what a client, or the server for all, says of a round's training."""
    cleaned = {re.sub(r"^(?:avg_client_|avg_)", "", plain(name)): value for name, value in readings.items()}
    found = {}
    for meaning, name in meanings(list(cleaned)).items():
        value = parse_number(cleaned[name])
        if meaning in SERIES and value is not None:
            found[meaning] = value
    return found
