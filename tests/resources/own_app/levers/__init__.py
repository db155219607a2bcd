"""A small app of somebody else's: a linear model of a lever's torque, trained with FedProx in NumPy."""
