"""Does the accelerator's memory last? (`memory.leak`, `memory.fragmentation`)

Memory that grows by the same amount at every step is never freed: batches that an iterator remembers, losses that hold
their graph. It ends the run at a step that can be predicted.
"""

from zk0.core.checks import check
from zk0.core.faults import Fault
from zk0.core.verdicts import Finding, failed, not_available, passed, warned
from zk0.diagnostics.series import each, line, measured, point, with_places
from zk0.ledger import Ledger, Training

MINIMUM_STEPS = 10
LEAK = 20e6  # bytes a step: a batch of small pictures; allocators round in steps of 2 MB
STRAIGHT = 0.95  # R squared; a warm-up of caches is not a line
FRAGMENTED = 3.0  # reserved over allocated; a healthy allocator keeps 1.1 to 1.5
SMALL = 1e9  # bytes reserved: below, the ratio harms nobody


@check("memory.leak")
@each(
    lambda ledger: with_places(one for one in ledger.trainings if len(measured(one.memory_allocated)) >= MINIMUM_STEPS),
    f"needs the accelerator's memory at {MINIMUM_STEPS} steps of a round",
)
def leak(training: Training, _: Ledger) -> Finding:
    """Memory does not grow from step to step."""
    steps, sizes = zip(*measured(training.memory_allocated), strict=True)
    slope, fit = line(steps, sizes)
    evidence = [
        point("growth a step", slope, "bytes"),
        point("R squared of the line", fit),
        point("allocated at the last step", sizes[-1], "bytes"),
    ]
    if slope <= LEAK or fit <= STRAIGHT:
        return passed(f"{slope / 1e6:+.1f} MB a step", evidence=evidence)
    return failed(
        f"it grows by {slope / 1e6:.0f} MB a step, {sizes[0] / 1e9:.2f} to {sizes[-1] / 1e9:.2f} GB",
        evidence=evidence,
        cause="something keeps every step: itertools.cycle remembers batches, a list of losses their graphs",
        remedy="iterate without remembering, and log loss.item()",
        fault=Fault.memory_leak,
        confidence=0.95,
    )


@check("memory.fragmentation")
@each(
    lambda ledger: with_places(one for one in ledger.trainings if measured(one.memory_reserved)),
    "needs the accelerator's reserved and allocated memory",
)
def fragmentation(training: Training, _: Ledger) -> Finding:
    """Reserved memory is used."""
    both = zip(training.memory_reserved, training.memory_allocated, strict=True)
    pairs = [(reserved, allocated) for reserved, allocated in both if reserved and allocated]
    if not pairs:
        return not_available("needs both numbers of one step")
    reserved, allocated = pairs[-1]
    evidence = [point("reserved", reserved, "bytes"), point("allocated", allocated, "bytes")]
    if reserved <= SMALL or reserved <= FRAGMENTED * allocated:
        return passed(f"{reserved / allocated:.1f} times what is used", evidence=evidence)
    return warned(
        f"{reserved / 1e9:.1f} GB are reserved and {allocated / 1e9:.1f} GB used",
        evidence=evidence,
        cause="tensors of many sizes leave holes that none fits",
        remedy="PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, and batches of one shape",
        fault=Fault.memory_fragmented,
        confidence=0.9,
    )
