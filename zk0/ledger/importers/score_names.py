"""Which names are scores, by the words that they are made of: `eval_f1`, `metrics/mAP50(B)`, `current mean dice`.

No table has all names that programs give to a Dice coefficient. A name counts by the word that says what is counted;
other words beside it say of which data (`val_`), of which classes or at which threshold.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

# The first of these that a line has stands for its evaluation: one that joins two others before those.
SCORES = (
    *("f1", "map", "dice", "dsc", "iou", "miou", "jaccard", "auc", "auroc", "auprc", "mcc", "kappa"),
    *("bleu", "rouge", "rougel", "chrf", "em", "ndcg", "mrr", "ap", "precision", "recall"),
    *("specificity", "sensitivity", "success", "successes", "r2"),
)
OF_EVALUATIONS = ("map", "ap")  # that nobody computes on the batches of a training
ERROR_RATES = ("wer", "cer")  # 0 is the best; 1 means that nothing is recognised
MOST_ERRORS = 5  # as a share: five words too many for each that was said; a rate above it is in percent
JUDGED = frozenset({
    "val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev", "server", "global", "centralized",
    "pseudo", "metrics", "coco",
})  # fmt: skip
_TRAINED = frozenset({"train", "training", "tr", "client", "local"})
# With one of these a number is about a score, or has its word for another reason: `mixed_precision`, `map_size`.
_OTHERWISE = frozenset({
    "loss", "best", "max", "min", "num", "n", "time", "std", "threshold", "mixed", "size", "weight", "lr", "bits",
    "matmul", "target", "delta", "patience", "ms", "s", "total", "count",
})  # fmt: skip
_SPELLINGS = {
    "mean_average_precision": "map",
    "average_precision": "ap",
    "average_precission": "ap",
    "exact_match": "em",
    "reach_goal": "success",
    "reached_goal": "success",
    "goal_reached": "success",
    "f_score": "f1",
    "fscore": "f1",
}
_SPELT = re.compile("|".join(_SPELLINGS))
_WORDS = re.compile(r"f1|(?<![a-z])r2|[a-z]+")


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a column's name without case and marks."""
    return re.sub(r"[\s/.\-]+|(?<=[a-z][a-z])(?=[A-Z])", "_", name.strip()).lower()


@lru_cache(maxsize=4096)
def score_of(name: str) -> tuple[str, bool | None] | None:
    """Return (score, whether of an evaluation; None where the name does not say) of a plain name; None for others."""
    words = _WORDS.findall(_SPELT.sub(lambda found: _SPELLINGS[found[0]], name))
    scores = [word for word in words if word in SCORES or word in ERROR_RATES]
    if not scores or _OTHERWISE.intersection(words):
        return None
    judged = True if JUDGED.intersection(words) else False if _TRAINED.intersection(words) else None
    return scores[-1], judged


def is_of_evaluation(name: str) -> bool:
    """Return whether a score is of an evaluation wherever it stands."""
    return (score_of(plain(name)) or ("",))[0] in OF_EVALUATIONS


def is_determination(name: str) -> bool:
    """Return whether a score is a regression's share of the variance, which is 0 for one that always says the mean."""
    return (score_of(plain(name)) or ("",))[0] == "r2"


def is_success(name: str) -> bool:
    """Return whether a score is the share of an agent's episodes that succeed."""
    return "success" in name.lower() or (score_of(plain(name)) or ("",))[0] == "success"


def rank(score: str) -> int:
    """Return the place of a score among those of one line; the lowest stands for the line."""
    return SCORES.index(score) if score in SCORES else len(SCORES)


def as_score(name: str, value: float) -> dict[str, float]:
    """Return {name: value} of a share of 1, and of an error rate what is left of 1; empty where it is neither."""
    if is_error_rate(name):
        return {f"1 - {name}": max(1 - value, 0.0)}
    if is_determination(name):
        value = max(value, 0.0)  # below 0 it is worse than the mean, by any amount
    return {name: value} if 0 <= value <= 1 else {}


@dataclass
class Shares:
    """Turns scores into shares of 1: where one of a name was above 1, all that follow are in percent."""

    percent: set[str] = field(default_factory=set)

    def of(self, name: str, value: float) -> float:
        """Return a score as a share of 1."""
        if (MOST_ERRORS if is_error_rate(name) else 1) < value <= 100:  # noqa: PLR2004
            self.percent.add(name)
        return value / 100 if name in self.percent else value


def is_error_rate(name: str) -> bool:
    """Return whether a name is of a rate whose best value is 0."""
    return (score_of(plain(name)) or ("",))[0] in ERROR_RATES
