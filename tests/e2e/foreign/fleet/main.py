"""Three rounds with two clients on data made here; one line of CSV a step on stdout."""

import sys

import torch
from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from torch import nn

from fleet.learner import fit_locally
from fleet.strategy import LoggingFedAvg

MU, ROUNDS, STEPS = 0.1, 3, 30


def data(client: int):
    generator = torch.Generator().manual_seed(client)
    truth = torch.linspace(-1, 1, 4).unsqueeze(1) + 0.2 * client
    for _ in range(STEPS):
        x = torch.randn(16, 4, generator=generator)
        yield x, x @ truth + 0.05 * torch.randn(16, 1, generator=generator)


def main() -> None:
    torch.manual_seed(0)
    net = nn.Linear(4, 1)
    weights = [value.detach().numpy().copy() for value in net.parameters()]
    strategy = LoggingFedAvg()
    print("round,client,step,loss,proximal_loss,mu")
    for number in range(1, ROUNDS + 1):
        results = []
        for client in range(2):
            with torch.no_grad():
                for value, array in zip(net.parameters(), weights, strict=True):
                    value.copy_(torch.from_numpy(array))
            reference = [value.detach().clone() for value in net.parameters()]
            for step, (loss, proximal) in enumerate(fit_locally(net, data(client), reference, MU)):
                print(f"{number},client-{client},{step},{loss:.6f},{proximal:.6f},{MU}")
            sent = ndarrays_to_parameters([value.detach().numpy().copy() for value in net.parameters()])
            results.append((None, FitRes(Status(Code.OK, ""), sent, 16 * STEPS, {})))
        aggregated = strategy.aggregate_fit(number, results, [])
        # As Flower's server does: without parameters, the old ones stay.
        if aggregated is not None and aggregated[0] is not None:
            weights = parameters_to_ndarrays(aggregated[0])
    sys.stdout.flush()


if __name__ == "__main__":
    main()
