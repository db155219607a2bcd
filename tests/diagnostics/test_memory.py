"""Memory that grows by a batch a step is a leak; memory that is reserved and not used is fragmented."""

from zk0.core.faults import Fault
from zk0.core.verdicts import Verdict

GB = 1e9


def remembering(events, allocated, reserved=None):
    series = {"memory_allocated": allocated, "memory_reserved": reserved or [5 * GB] * len(allocated)}
    return events.training(policy_loss=[1.0] * len(allocated)).model_copy(update=series)


def test_half_a_gigabyte_a_step_is_a_leak(events, judge, numbers):
    """Measured in the field: every batch of 64 stayed on the GPU."""
    [finding] = judge("memory.leak", remembering(events, [2.51 * GB + 0.47 * GB * step for step in range(12)]))

    assert (finding.verdict, finding.fault) == (Verdict.failed, Fault.memory_leak)
    assert finding.message == "it grows by 470 MB a step, 2.51 to 7.68 GB"
    assert numbers(finding)["R squared of the line"] > 0.99


def test_memory_that_goes_up_and_down_is_none(events, judge):
    [finding] = judge("memory.leak", remembering(events, [2 * GB + 0.3 * GB * (step % 2) for step in range(12)]))

    assert finding.verdict is Verdict.passed


def test_five_times_as_much_reserved_as_used_is_fragmentation(events, judge):
    [finding] = judge("memory.fragmentation", remembering(events, [2.5 * GB] * 3, [12.8 * GB] * 3))

    assert (finding.verdict, finding.fault) == (Verdict.warned, Fault.memory_fragmented)


def test_a_run_without_an_accelerator_can_t_be_judged(events, judge):
    for name in ("leak", "fragmentation"):
        assert judge(f"memory.{name}", events.training())[0].verdict is Verdict.not_available
