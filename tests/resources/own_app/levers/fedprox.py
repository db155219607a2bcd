"""FedProx's local training of the linear model."""

import numpy as np


def train(weights, settings, torques, steps, rate, mu):
    """Return the weights after some steps of gradient descent with the proximal term."""
    start = weights.copy()
    for _ in range(steps):
        gradient = 2 * settings.T @ (settings @ weights - torques) / len(torques)
        weights = weights - rate * (gradient + mu * (weights - start))
    return weights


def loss(weights, settings, torques):
    """Return the mean squared error."""
    return float(np.mean((settings @ weights - torques) ** 2))
