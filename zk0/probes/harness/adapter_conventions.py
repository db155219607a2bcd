"""What an adapter is given, in words and as the arguments that zk0 can fill in by their role."""

from __future__ import annotations

MARK = "  # <-- complete"  # behind a line of an adapter that is open
PROXIMAL_ARGUMENTS = {
    "model": "model",
    "parameters": "list(model.parameters())",
    "reference": "global_params",
    "mu": "mu",
    "config": "config",
    "loader": "loader",
    "data": "loader",
    "validation": "loader",
    "batch": "loader[0]",
    "inputs": "loader[0][0]",
    "labels": "loader[0][1]",
    "outputs": "model(loader[0][0])",
    "loss": "torch.nn.functional.cross_entropy(model(loader[0][0]), loader[0][1])",
    "criterion": "torch.nn.CrossEntropyLoss()",
    "optimizer": "torch.optim.SGD(model.parameters(), lr=0.05)",
    "scheduler": "None",
    "device": '"cpu"',
    "epochs": "1",
    "steps": "3",
    "rate": "0.05",
    "size": "8",
    "zero": "0.0",
    "limit": "1e6",
    "counter": "1",
    "identity": "0",
    "quiet": "False",
}
AGGREGATION_ARGUMENTS = {
    "results": "list(zip(weights_list, num_examples))",
    "updates": "weights_list",
    "counts": "num_examples",
    "weights": "num_examples",
    "fractions": "[n / sum(num_examples) for n in num_examples]",
    "current": "global_weights",
    "round": "1",
    "failures": "[]",
    "total": "sum(num_examples)",
    "number": "len(weights_list)",
    "rate": "1.0",
    "mu": "0.1",
}
STRATEGY_ARGUMENTS = {"initial": "None", "round": "1", "rate": "1.0", "mu": "0.1"}
EXCHANGE_ARGUMENTS = {**PROXIMAL_ARGUMENTS, "parameters": "parameters", "config": "{}"}

CONVENTION = {
    "proximal": """\
zk0 calls `probe` several times, with fresh objects each time:

    model          a torch.nn.Module: inputs (8, 4) float, outputs (8, 4); its weights are what the server sent
    global_params  a list of tensors: those of model.parameters() as the server sent them
    global_model   a module with the weights that the server sent
    mu             a float: FedProx's strength; 0.0 in some calls
    loader         a list of 4 batches (inputs (8, 4), labels (8,) int64)
    config         a dict, readable by attribute too: proximal_mu, mu, lr, epochs, batch_size, device, ...

Parameters that are not needed may be dropped. Where the code needs a model or data of its own, make them in here: the
same each time (zk0 seeds torch, numpy and random before each call). Return what the code returns: a term, a loss, or
nothing. Optimizer steps are seen, whatever model they train.""",
    "aggregation": """\
zk0 calls `probe` with one round's replies:

    weights_list    a list with one list of float32 arrays for each client, of shapes (4, 4), (4,), (4, 4), (4,)
    num_examples    a list of int: how many examples each client has
    global_weights  a list of arrays: those that the server sent

Return the aggregate: arrays or tensors in the same order, or a dict of them.""",
    "app": """\
zk0 calls the app as a SuperNode does, with [tool.flwr.app.config] and proximal_mu as its configuration. Its data are
made up here, of any values; their shapes are what the model takes.""",
    "strategy": """\
zk0 calls `probe` for a strategy, and that one's aggregate_fit or aggregate_train as Flower's server does.""",
    "exchange": """\
zk0 sends the weights of one model to another:

    model           a torch.nn.Module with trained, frozen and bfloat16 tensors and buffers
    parameters      what get_parameters returned, for another model of the same kind

get_parameters returns a list or a dict of arrays or tensors; set_parameters changes the model or returns a new one.""",
}
