"""What the server makes of the clients' weights."""

from flwr.server.strategy import FedAvg


class LoggingFedAvg(FedAvg):
    """FedAvg that keeps the number of each round's replies."""

    replies: dict[int, int]

    def __init__(self, **settings):
        super().__init__(**settings)
        self.replies = {}

    def aggregate_fit(self, server_round, results, failures):
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        self.replies[server_round] = len(results)
        return parameters, metrics
