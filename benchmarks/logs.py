"""Read the logs of other programs: lines per second, and memory, on a log of 1 GB.

Targets: at least 200,000 lines a second, at most 300 MB resident. The log is like those of the original zk0: five
lines per step, three of them relevant, among Ray's, Flower's and other people's. It is read as it is, and a fifth of it
behind docker's labels and times. A tenth of it is written once more as rows of a program that no rule knows.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

SIZE = int(os.environ.get("ZK0_BENCH_BYTES", "1000000000"))
PREFIXES = {"behind a container's label": "server-1  | ", "behind a time": "2025-11-28T10:00:00.123456789Z "}
STEPS, CLIENTS = 200, 4  # a round

READ = """
import sys, time
from pathlib import Path
from zk0.core.memory_use import peak_memory
from zk0.ledger.importers import import_ledgers

resting = peak_memory()
before, started = time.process_time(), time.perf_counter()
[found] = import_ledgers([Path(sys.argv[1])])
print(time.perf_counter() - started, time.process_time() - before)
print(resting, peak_memory())
print(found.understood, found.noise, found.unknown, len(found.ledger.trainings))
"""


def measure() -> Iterator[tuple[str, str]]:
    """Yield the measurements, with units."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "server.log"
        lines = _write(path)
        yield "the log", f"{path.stat().st_size / 1e6:.0f} MB, {lines} lines"
        started = time.perf_counter()
        with path.open("rb") as stream:
            while stream.read(1 << 20):
                pass
        yield "reading its bytes alone", f"{time.perf_counter() - started:.1f} s"
        yield from _import(path, lines, "")
        for name, prefix in PREFIXES.items():
            path.unlink(missing_ok=True)
            lines = _write(path, prefix, SIZE // 5)
            yield from _import(path, lines, f", {name}")
        path.unlink(missing_ok=True)
        yield from _import(path, _write_rows(path, SIZE // 10), ", rows that no rule knows")


def _import(path: Path, lines: int, behind: str) -> Iterator[tuple[str, str]]:
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True, timeout=3600
    )
    (elapsed, spent), (resting, peak), counts = (tuple(map(float, line.split())) for line in done.stdout.splitlines())
    yield f"import, wall clock{behind}", f"{elapsed:.1f} s, {lines / elapsed:,.0f} lines/s (target 200,000)"
    yield f"import, processor{behind}", f"{spent:.1f} s, {lines / spent:,.0f} lines/s"
    yield (
        f"resident memory, highest{behind}",
        f"{peak / 1e6:.0f} MB (target 300), {resting / 1e6:.0f} MB of it before",
    )
    told = ", ".join(f"{count:.0f}" for count in counts)
    yield f"understood, noise, not understood; trainings{behind}", told


def _write(path: Path, prefix: str = "", size: int = SIZE) -> int:
    lines = written = number = 0
    with path.open("w", encoding="utf-8") as stream:
        while written < size:
            number += 1
            for text in _round(number):
                shown = "".join(prefix + line for line in text.splitlines(keepends=True)) if prefix else text
                stream.write(shown)
                written += len(shown)
                lines += shown.count("\n")
    return lines


def _write_rows(path: Path, size: int) -> int:
    """Write the rows of somebody's training loop, whose digits alone differ."""
    written = number = 0
    with path.open("w", encoding="utf-8") as stream:
        while written < size:
            epoch, step = divmod(number, 1000)
            loss = 2 / (1 + number / 1e5) + 0.01 * (number % 7)
            number += 1
            written += stream.write(
                f"Epoch [{epoch}/999], Step [{step}/1000], Loss: {loss:.4f}, lr: 0.0010, grad_norm: {loss * 3:.3f}\n"
            )
    return number


def _round(number: int) -> Iterator[str]:
    clock = f"2025-10-{1 + number % 28:02d} 09:12:03"
    yield f"INFO :      \nINFO :      [ROUND {number}]\n"
    yield f"INFO :      configure_fit: strategy sampled {CLIENTS} clients (out of {CLIENTS})\n"
    train = "src.task:run_training_step"
    for client in range(CLIENTS):
        head = f"{clock} | DEBUG    | client_{client}   | PID:41{client} | {train}"
        yield f"{head}:88 - Client {client} R{number} PRE-TRAIN: Full norm=812.1234 (506 tensors, 450046176 elems)\n"
        for step in range(STEPS):
            value = 0.001 * step
            yield (
                f"{head}:262 - Step {step}: FedProx total_loss={0.6 + value:.6f} "
                f"(main=0.600000 + proximal={value:.6f})\n"
                f"{head}:270 - Step {step}: VRAM before update_policy - Allocated: 2.51 GB, Reserved: 12.80 GB, "
                "Free: 9.70 GB / 25.30 GB\n"
                f"{head}:281 - Step {step}: VRAM after update_policy - Allocated: 2.51 GB (delta: +0.00 GB)\n"
                f"(ClientAppActor pid=41{client}) {head}:290 - fetched a batch of 64 frames in 0.0{step % 10} s\n"
            )
            if step % 10 == 0:
                yield f"{head}:316 - DIAG: Step {step + 1}/{STEPS} completed, loss_avg=0.6000, time_elapsed=43.02s\n"
    yield f"INFO :      aggregate_fit: received {CLIENTS} results and 0 failures\n"
    yield f"INFO :      fit progress: ({number}, {1 / number}, {{}}, {43.2 * number})\n"
