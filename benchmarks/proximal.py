"""The cost of the proximal term: closed form with foreach, compared with autograd through the squared distance."""

from collections.abc import Iterator

import torch

from benchmarks import milliseconds
from zk0.training.fedprox import ProximalTerm

SHAPES = [(720, 2048)] * 8 + [(2048, 720)] * 4 + [(720, 960)] * 8 + [(720,)] * 10  # a quarter of SmolVLA's expert


def measure() -> Iterator[tuple[str, str]]:
    """Yield the time of one step's proximal part, both ways, and their ratio."""
    parameters = [torch.nn.Parameter(torch.randn(shape) * 0.02) for shape in SHAPES]
    term = ProximalTerm(parameters, mu=0.01)
    with torch.no_grad():
        for value in parameters:
            value.add_(1e-3)
            value.grad = torch.zeros_like(value)

    def by_autograd() -> None:
        total = torch.zeros(())
        for value, origin in zip(parameters, term.reference, strict=True):
            total = total + (value - origin).square().sum()
        (term.mu / 2 * total).backward()

    count = sum(value.numel() for value in parameters)
    closed, autograd = milliseconds(term.add_gradient), milliseconds(by_autograd)
    yield f"closed form, {count / 1e6:.0f} M parameters", f"{closed:.1f} ms"
    yield "autograd, with the reference kept as tensors", f"{autograd:.1f} ms"
    yield "autograd / closed form", f"{autograd / closed:.1f}"
