"""Random measurements of a lever, other ones at each client."""

import numpy as np

TRUE = np.array([2.0, -1.0, 0.5])
ROWS = 40


def measurements(partition: int) -> tuple[np.ndarray, np.ndarray]:
    """Return settings (rows, 3) and torques (rows,)."""
    random = np.random.default_rng(partition)
    settings = random.normal(size=(ROWS, 3)) + 0.3 * partition
    return settings, settings @ TRUE + 0.05 * random.normal(size=ROWS)
