"""What driving an arm gives; read in a core without NumPy, too."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class ArmResult(BaseModel):
    """The episodes of an arm: a row for each training seed, in it one value for each episode.

    `losses` and `errors` are those of the policies on the task's held-out episodes, one for each training seed; empty
    for an arm without a policy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    task: str
    successes: list[list[bool]]
    steps: list[list[int]]
    non_finite: int
    losses: list[float | None] = []
    errors: list[float | None] = []


def outcomes_of(results: Sequence[ArmResult]) -> dict[str, dict[str, list[list[bool]]]]:
    """Return the successes by arm and task."""
    found: dict[str, dict[str, list[list[bool]]]] = {}
    for one in results:
        found.setdefault(one.arm, {})[one.task] = one.successes
    return found
