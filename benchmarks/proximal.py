"""The cost of the proximal term alone, at 100 M trained parameters.

Beside it are the recipe in common use, autograd through the squared distance, and the least that any way must do: read
w, w0 and the gradient once and write the gradient.
"""

from collections.abc import Iterator

import torch

from benchmarks import Measured, processor_seconds, ratio
from zk0.core.memory_use import peak_memory
from zk0.training.fedprox import ProximalTerm

# SmolVLA's expert, and as much again as makes 100 M.
SHAPES = [(720, 2048)] * 35 + [(2048, 720)] * 16 + [(720, 960)] * 36 + [(720,)] * 40


def measure() -> Iterator[Measured | tuple[str, str]]:
    """Yield the ratios, and the memory that the term needs beside its reference."""
    parameters = [torch.nn.Parameter(torch.randn(shape) * 0.02) for shape in SHAPES]
    term = ProximalTerm(parameters, mu=0.01)
    with torch.no_grad():
        for value in parameters:
            value.add_(1e-3)
            value.grad = torch.zeros_like(value)
    before = peak_memory()
    term.add_gradient()
    extra = peak_memory() - before

    def by_autograd() -> None:
        total = torch.zeros(())
        for value, origin in zip(parameters, term.reference, strict=True):
            total = total + (value - origin).square().sum()
        (term.mu / 2 * total).backward()

    @torch.no_grad()
    def stream() -> None:
        for value, origin in zip(parameters, term.reference, strict=True):
            torch.add(value, origin, out=value.grad)  # writing a line of the cache reads it first

    ours, autograd, streamed = processor_seconds(term.add_gradient, by_autograd, stream)
    count = sum(value.numel() for value in parameters)
    yield ratio(f"autograd / ours, {count / 1e6:.0f} M parameters", autograd, ours, 3, at_least=True)
    yield ratio("ours / one pass over w, w0 and the gradient", ours, streamed, 1.5)
    yield Measured("memory beside the reference, of one model", extra / (count * 4), "models", 0.05)
