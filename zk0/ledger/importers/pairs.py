"""Numbers with names, in any line: `loss: 0.41`, `loss=0.41`, `'loss': 0.41`, `Epoch [1/5]`, `train loss 0.41`.

    find_pairs("Epoch 3/5, Train Loss: 0.41, Val Acc: 93.1%")
    →  Pairs({"epoch": 3, "Train Loss": 0.41, "Val Acc": 0.931}, totals={"epoch": 5})

A sentence that mentions a loss is not a measurement: a line counts only where few words are left over beside the pairs.
"""

import re
from dataclasses import dataclass, field

from zk0.ledger.importers.metric_names import meaning_of, planned_unit

MOST_WORDS = 4  # left over beside two pairs; a sentence has more. Each further pair may have a unit and a name
MOST_LINE = 4_000  # characters; longer lines are dumps

NUMBER = r"[-+]?(?:\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[nN][aA][nN](?:xxx)?|[iI]nf(?:inity)?|INF)"
_COUNTED = r"global[ _]steps?|epochs?|steps?|iterations?|iters?|iter|batch|rounds?|updates?"
_COUNTER = re.compile(
    rf"(?<![\w/.])(?P<name>(?i:{_COUNTED}))\b(?i:[ _](?:number|num|no|idx|index)\b\.?)?"
    rf"[\s:=#\"']*(?:\((?:train|val|test)\)\s*)?[\[(]?\s*(?P<value>\d[\d,]*(?:\.\d+)?)"
    r"(?![\w%])(?:\s*(?:/|of)\s*(?P<total>\d[\d,]*))?[\])]?"
)
# `Client 3 Epoch 2/5`, `[client_3]`, `Client ID: 3`, `Client 3/10`
_CLIENT = re.compile(
    r"(?i)(?<![\w/.])client(?:[ _]?(?:id|idx|no|number))?(?:\s*[:=#_-]\s*|\s+#?|(?=\d))"
    r"(?P<client>\d{1,6})(?:\s*/\s*\d+)?(?![%\da-zA-Z]|[.,]\d|\s*(?:ms|s|%)\b)"
)
# `[1][  50/1000]` of mmengine, `[1,  2000]` of PyTorch's tutorial, `1 [640/60000 (1%)]` of its example
_PLACES = re.compile(
    r"\[\s*(?P<epoch>\d+)\s*(?:\]\s*\[|,)\s*(?P<step>\d+)(?:/(?P<total>\d+))?\s*\](?=\s)"
    r"|(?<=\d )\[(?P<sample>\d+)/(?P<samples>\d+) \(\s*\d+%\)\]"
)
_PLAN = re.compile(
    r"(?i)(?<![\w/.])(?:num(?:ber of)?|total|max(?:imum)?|n)(?:[ _]\w+)?[ _](?P<unit>epoch|round|step|iter)\w*"
    r"[\"']?\s*[:=]\s*(?P<planned>\d[\d,]*)(?![\w.])"
)
_NAME = r"[A-Za-z_][\w/.@\-]*(?:\([\w ]+\))?"
_PAIR = re.compile(
    rf"(?<![\w./])[\"']?(?P<name>{_NAME}(?: {_NAME}){{0,3}})[\"']?\s*(?:[:=]|->|→)\s*"
    rf"[\"']?(?:[\w.]*\(?\[?(?<=[(\[]))?(?P<value>{NUMBER})(?P<unit>\s?%|ms\b|s\b)?"
    rf"(?:/(?P<whole>\d+)\b)?(?![\w.]*\w)[\"']?"
)
# A cell of its own: `| train ppl 2.72 |`, and of Stable Baselines' tables `|    loss    | 20.1   |`
_CELL = re.compile(
    rf"(?<=\|)\s*(?P<name>[A-Za-z_][\w/ .]{{0,60}}?)\s*(?:\|\s*|\s)(?P<value>{NUMBER})(?P<unit>%)?\s*(?=\||$)"
)
_BARE = re.compile(
    r"(?i)(?<![\w/.])(?P<name>(?:(?:avg|average|mean|train(?:ing)?|val(?:id(?:ation)?)?|test|eval(?:uation)?)[ _/.]+)*"
    r"(?:(?:[\w/]+-)*[\w/]*loss|cost|accuracy|acc(?:@1)?|grad[ _]?norm|lr|learning[ _]rate)"
    r"|(?:train|val|valid|test|eval)_\w+)"
    r"(?: +(?P<index>\d+):? +| +)\(?(?P<value>[-+]?\d+[.,]\d+(?:e[-+]?\d+)?|nan|inf)(?P<unit>%)?(?!\w)"
)
# `The training loss for Epoch 1 is 7.39`, `Training loss at epoch 1 - 7.39`, once the counter is taken out
_IS = re.compile(
    r"(?i)(?<![\w/.])(?P<name>(?:(?:train(?:ing)?|val(?:id(?:ation)?)?|test|eval(?:uation)?) )?(?:loss|accuracy))"
    r"(?: (?:for|of|at|in|on|after)[ ;]+)?(?: is|\s*[-:=]) (?P<value>[-+]?\d+\.\d+(?:e[-+]?\d+)?|nan|inf)"
    r"(?P<unit>%)?(?!\w)"
)
# `Total rewards in episode 73 is 3.8`
_EPISODE = re.compile(
    r"(?i)(?P<name>(?:(?:total|mean|average|avg) )?(?:rewards?|returns?)) (?:in|for|of|at|after) episode (?P<index>\d+)"
    rf"(?: is| was|\s*[:=]) (?P<value>{NUMBER})"
)
# `Score at iteration 74200 is 0.839` of Deeplearning4j, whose score is the loss
_SCORE = re.compile(rf"\bScore at iteration (?P<index>\d+) is (?P<value>{NUMBER})")
# `Loss value is: 0.41`
_IS_AT_END = re.compile(r"(?i)(?: value)? is$")
# `[7]	train-rmse:0.41` of XGBoost, `7:	learn: 0.41` of CatBoost, `[1] "[7]:  train's auc:1"` of LightGBM in R
_INDEX = re.compile(r"\s*(?:\[1\] \")?(?:\[(?P<boosted>\d+)\]:?\s|(?P<learnt>\d+):\s+(?=learn:))")
# `{'metric_name': 'train_loss', 'metric_value': 0.41}`
_NAMED = re.compile(
    rf"(?i)[\"']?(?:metric_?)?name[\"']?\s*[:=]\s*[\"'](?P<name>[\w/ ]+)[\"']"
    rf".{{0,80}}?[\"']?(?:metric_?)?value[\"']?\s*[:=]\s*(?P<value>{NUMBER})"
)
# `[('loss', 12.47), ('num_examples', 5020)]`, an ordered dict
_TUPLE = re.compile(rf"\([\"'](?P<name>{_NAME})[\"'], (?P<value>{NUMBER})\)")
# `[Loss] 0.41 | [step] 1199`
_BRACKETED = re.compile(rf"(?<![\w\]])\[(?P<name>{_NAME})\]\s+(?P<value>{NUMBER})(?P<unit>%)?(?=\s|[,;|]|$)")
# `11.8750 loss, 0.0001 LR`
_REVERSED = re.compile(
    r"(?i)(?<![\w.])(?P<value>\d+\.\d+(?:e[-+]?\d+)?|nan) (?P<name>loss|lr|acc(?:uracy)?)(?=[,;|]|\s*$)"
)
_PATTERNS = (
    _SCORE,
    _EPISODE,
    _NAMED,
    _TUPLE,
    _PLACES,
    _PLAN,
    _BRACKETED,
    _COUNTER,
    _PAIR,
    _BARE,
    _IS,
    _REVERSED,
    _CELL,
)
_PART = re.compile(r"(?i)(?:l|loss)_\w+|\w+_loss(?:_\w+)?")  # of a loss whose sum is not printed
_WHOLE = ("policy_loss", "proximal_loss", "total_loss", "evaluation")  # beside which a part stands for nothing
_EVALUATION = re.compile(r"(?i)\b(?:test(?:ing)?|val(?:id(?:ation)?)?|eval(?:uat(?:ion|ed|ing))?)\b")
_STOPWORDS = frozenset(
    [
        "a",
        "after",
        "and",
        "at",
        "average",
        "avg",
        "completed",
        "current",
        "debug",
        "done",
        "end",
        "ended",
        "epoch",
        "final",
        "finished",
        "info",
        "for",
        "global",
        "has",
        "in",
        "is",
        "iteration",
        "last",
        "local",
        "mean",
        "now",
        "of",
        "on",
        "our",
        "overall",
        "resulting",
        "round",
        "running",
        "step",
        "the",
        "training",
        "was",
        "with",
    ]
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_TIMES = re.compile(
    r"\d+[:.]\d\d(?::\d\d)?(?:[.,]\d+)?|\S*/\S*/\S*|\b(?:AM|PM|it/s|s/it|INFO|DEBUG|WARNING|tensor|device|cuda|grad_fn)\b"
)


@dataclass
class Pairs:
    """The pairs of a line, in their order, and what counters count up to; `words` are left over."""

    values: dict[str, float] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    planned: dict[str, float] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)  # {name: meaning} of a loss that is a part of another
    words: int = 0
    is_evaluation: bool = False  # the words beside the pairs say so

    @property
    def is_row(self) -> bool:
        """True where the line is numbers with names rather than a sentence."""
        return self.words <= MOST_WORDS + 2 * max(len(self.values) - 2, 0)


def find_pairs(text: str) -> Pairs:
    """Return the numbers that the line names."""
    found = Pairs()
    if len(text) > MOST_LINE:
        return found
    rest = text.replace("'s ", " ") if "'s " in text else text  # `training's l2`
    if "lient" in rest and (client := _CLIENT.search(rest)):
        found.values["client"] = float(client["client"])
        rest = f"{rest[: client.start()]} ; {rest[client.end() :]}"
    if index := _INDEX.match(rest):
        found.values["step"] = float(index["boosted"] or index["learnt"])
        rest = rest[index.end() :]
    for pattern in _PATTERNS:
        if (pattern is _CELL and "|" not in text) or (pattern is _NAMED and "name" not in text):
            continue
        taken: list[tuple[int, int]] = []
        for match in pattern.finditer(rest):
            _take(found, match)
            taken.append(match.span())
        for start, end in reversed(taken):
            rest = rest[:start] + " ; " + rest[end:]
    _take_part(found)
    found.words += len(_WORD.findall(_TIMES.sub(" ", rest)))
    found.is_evaluation = _EVALUATION.search(rest) is not None or "(val)" in text or "(test)" in text
    return found


def _take_part(found: Pairs) -> None:
    """Let the first part of a loss stand for it, in a line that counts and has no loss by another name."""
    if len(found.values) < 3 or not {"step", "epoch", "iter", "iteration"} & found.values.keys():  # noqa: PLR2004
        return
    if any(meaning_of(name) in _WHOLE for name in found.values):
        return
    part = next((name for name in found.values if _PART.fullmatch(name)), None)
    if part is not None:
        found.parts[part] = "policy_loss"


def parse_value(text: str, unit: str = "") -> float:
    """Return a number that may have a decimal comma; a share of 100 as a share of 1, milliseconds as seconds."""
    value = float(text.replace(",", ".").removesuffix("xxx"))  # PaddleOCR prints `nanxxx`
    return value / 100 if "%" in unit else value / 1000 if unit == "ms" else value


def _take(found: Pairs, match: re.Match[str]) -> None:
    groups = match.groupdict()
    if "sample" in groups:
        step, total = groups["step"] or groups["sample"], groups["total"] or groups["samples"]
        found.values["step"] = float(step)
        if groups["epoch"]:
            found.values["epoch"] = float(groups["epoch"])
        if total:
            found.totals["step"] = float(total)
        return
    if "planned" in groups:
        unit = groups["unit"].lower()
        found.planned["step" if unit == "iter" else unit] = float(groups["planned"].replace(",", ""))
        return
    name = groups.get("name", "loss")
    if "total" in groups:
        name = re.sub(r"[ _]+", "_", name.lower()).rstrip("s")
        found.values.setdefault(name, float(groups["value"].replace(",", "")))
        if groups["total"]:
            found.totals.setdefault(name, float(groups["total"].replace(",", "")))
        return
    if groups.get("index"):
        found.values.setdefault("step", float(groups["index"]))
    value = parse_value(groups["value"], groups.get("unit") or "")
    if groups.get("whole") and float(groups["whole"]):
        value /= float(groups["whole"])
    unit = planned_unit(name)
    if unit:
        found.planned[unit] = value
        return
    known, dropped = _known_name(name)
    found.words += dropped
    found.values.setdefault(known, value)


def _known_name(name: str) -> tuple[str, int]:
    """Return the part of a name that has a meaning, and how many words were dropped before it.

    `finished with train loss` is `train loss`; `value function loss` is not `loss`.
    """
    name = _IS_AT_END.sub("", name)
    words = name.split(" ")
    for start in range(len(words)):
        end = " ".join(words[start:])
        if meaning_of(end) and all(word.lower() in _STOPWORDS for word in words[:start]):
            return end, start
    if len(words) > 1 and "_" in words[-1] and meaning_of(words[-1]):  # `one train result train_loss`
        return words[-1], len(words) - 1
    return name, sum(word.lower() in _STOPWORDS for word in words[:-1])
