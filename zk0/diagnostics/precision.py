"""Half precision: does the loss scale find its level? (`precision.loss-scale`)

Dynamic loss scaling (Micikevicius et al. 2018, section 3.2) halves the scale at each overflow and skips the step. In
the first steps, and now and then later, that is its work. A scale below 1 would enlarge nothing: then the gradients
themselves are infinite or NaN, each step is skipped, and no scale repairs it.
"""

import re
from collections.abc import Iterator

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_applicable, not_available, passed, warned
from zk0.diagnostics.exceptions import went_on
from zk0.diagnostics.series import point
from zk0.ledger import IncidentKind, Ledger

LEAST_SCALE = 1.0  # the loss as it is; where DeepSpeed stops to halve it
ENOUGH = 4  # overflows
LOW_SCALE = 8.0  # a loss scale usually settles in the thousands
SURE, LIKELY = 0.9, 0.75
_SCALE = re.compile(r"\b(?:to|scale)\b\W{0,4}(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)")


@check("precision.loss-scale")
def loss_scale(ledger: Ledger) -> Iterator[Finding]:
    """Steps in half precision overflow seldom: the loss scale settles above 1."""
    if not ledger.events:
        yield not_available("nothing was read")
        return
    found = [one for one in ledger.incidents if one.kind is IncidentKind.scale_lowered]
    named = [[float(number) for number in numbers] for one in found if (numbers := _SCALE.findall(one.text))]
    if not named:
        yield not_applicable("no line says that a step overflowed, and what the scale is then")
        return
    lines, scale = sum(one.count for one in found), named[-1][-1]
    evidence = [
        point("steps that overflowed", lines),
        point("last loss scale", scale, at=found[-1].read_from or ""),
    ]
    if lines >= ENOUGH and LEAST_SCALE < scale <= LOW_SCALE and not went_on(found[-1]):
        yield warned(
            f"{lines} steps overflowed, and the loss scale is down to {scale:g} at the end of the log",
            evidence=evidence,
            cause="the gradients grow beyond half precision: the training diverges, or float16 can't hold this model",
            remedy="bf16 or fp32; else a lower learning rate from the last good checkpoint",
            fault=Fault.loss_not_finite,
            confidence=LIKELY,
        )
        return
    if not _is_spent(named[-1]):
        yield passed(f"{lines} steps overflowed, and the scale is {scale:g}", evidence=evidence)
        return
    over = went_on(found[-1])
    yield (warned if over else failed)(
        f"{lines} steps overflowed, and the loss scale fell to {scale:.3g}: no scale makes the gradients finite",
        evidence=evidence,
        cause="the gradients themselves are infinite or NaN: the training diverged, or half precision can't hold them",
        remedy="from the last good checkpoint: bf16 or fp32, and a lower learning rate if loss or gradient grew",
        fault=Fault.loss_not_finite,
        confidence=SURE,
    )


def _is_spent(scales: list[float]) -> bool:
    """Return whether the scale before and after an overflow can fall no further: below 1, or 1 both times."""
    return scales[-1] < LEAST_SCALE or scales[-2:] == [LEAST_SCALE, LEAST_SCALE]
