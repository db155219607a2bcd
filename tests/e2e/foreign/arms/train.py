"""Four arms with quadratic losses; one line of CSV a step on stdout, and the held-out loss after every round."""

import argparse

import numpy as np

ROUNDS, STEPS, RATE = 8, 20, 0.1


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--proximal-mu", type=float, required=True)
    options.add_argument("--seed", type=int, required=True)
    given = options.parse_args()
    mu, noise = given.proximal_mu, np.random.default_rng(given.seed)
    draw = np.random.default_rng(2)
    curvature = draw.uniform(0.2, 2.0, (4, 6)) * draw.uniform(0.5, 2, (4, 1))
    optima, weights = draw.normal(0, 1.5, (4, 6)), draw.normal(0, 3, 6)
    best = (curvature * optima).sum(axis=0) / curvature.sum(axis=0)
    print("round,client,step,loss,eval_loss")
    for number in range(1, ROUNDS + 1):
        local = np.broadcast_to(weights, optima.shape)
        losses = []
        for _ in range(STEPS):
            losses.append((curvature * (local - optima) ** 2 / 2).sum(axis=1))
            gradient = curvature * (local - optima) + noise.normal(0, 0.3, local.shape)
            local = local - RATE / (1 + RATE * mu) * (gradient + mu * (local - weights))
        weights = local.mean(axis=0)
        for client in range(4):
            for step, loss in enumerate(losses):
                print(f"{number},arm-{client},{step},{loss[client]:.6f},")
        held_out = (curvature * (weights - best) ** 2 / 2).sum(axis=1).mean()
        print(f"{number},,,,{held_out:.6f}")


if __name__ == "__main__":
    main()
