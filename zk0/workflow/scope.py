"""What an expression may read at one moment of a run: the inputs, the run, and the steps before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

from jinja2 import StrictUndefined

from zk0.core.verdicts import Verdict

type Reference = tuple[str | int, ...]

NO_ITEM = object()  # outside of `foreach`; None is an item


@dataclass(frozen=True)
class StepScope:
    """What an expression sees of an earlier step; `outputs` is None where it gave none."""

    verdict: Verdict
    outputs: object | None = None

    def names(self, step: str) -> SimpleNamespace:
        """Return the attributes an expression reads."""
        hint = f"step {step!r} has no outputs: its verdict is {self.verdict}"
        missing = StrictUndefined(hint=hint)
        return SimpleNamespace(verdict=self.verdict.value, outputs=missing if self.outputs is None else self.outputs)


@dataclass(frozen=True)
class Scope:
    """The values that expressions may read at one moment of a run."""

    inputs: Mapping[str, object]
    run: Mapping[str, object] = field(default_factory=dict)
    steps: Mapping[str, StepScope] = field(default_factory=dict)
    item: object = NO_ITEM

    def knows(self, reference: Reference) -> bool:
        """Tell whether the value of a reference is known at this moment."""
        if reference[0] == "item":
            return self.item is not NO_ITEM
        if reference[0] == "secrets":
            return False  # a secret is revealed to the program or the action that it is for, and not before
        root, name = reference[0], reference[1]
        return root == "inputs" or name in (self.run if root == "run" else self.steps)

    def names(self) -> dict[str, object]:
        """Return the variables of an expression."""
        return {
            "item": self.item,
            "inputs": SimpleNamespace(**self.inputs),
            "run": SimpleNamespace(**self.run),
            "steps": SimpleNamespace(**{step: scope.names(step) for step, scope in self.steps.items()}),
        }
