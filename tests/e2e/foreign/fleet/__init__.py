"""A small federated project of somebody else's: its own layout, its own names, a FedProx term and a strategy."""
