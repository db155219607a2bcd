"""The numbers of steps that a log prints rounded: `200`, `400`, … `800`, `1K`, `1K`, `1K`."""


class Steps:
    """Counts the steps of a training's lines."""

    def __init__(self) -> None:
        self.last = 0
        self.distance = 0

    def next(self, printed: int, scale: int) -> int:
        """Return how many steps are done at a line that prints this, rounded to `scale`."""
        if scale == 1:
            if printed > self.last:
                self.distance = printed - self.last
            self.last = printed
        else:
            counted = self.last + (self.distance or scale)
            agrees = abs(counted - printed * scale) <= scale  # rounded half to even, and never off by more than one
            self.last = counted if agrees else printed * scale
        return self.last
