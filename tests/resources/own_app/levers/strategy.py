"""The strategy."""

import logging

from flwr.serverapp.strategy import FedProx

log = logging.getLogger("flwr")


class LeverStrategy(FedProx):
    """FedProx that says what it aggregated."""

    def aggregate_train(self, server_round, replies):
        """Return what the inherited strategy makes of the replies."""
        arrays, metrics = super().aggregate_train(server_round, replies)
        log.info("round %d is aggregated", server_round)
        return arrays, metrics
