"""Pairs of get and set as people write them, and right. Each must pass."""

from collections import OrderedDict

import torch


def get_weights(net):
    return [val.cpu().numpy() for _, val in net.state_dict().items()]


def set_weights(net, parameters):
    params_dict = zip(net.state_dict().keys(), parameters)
    state_dict = OrderedDict({k: torch.tensor(v) for k, v in params_dict})
    net.load_state_dict(state_dict, strict=True)


class Client:
    def __init__(self, model, device):
        self.model = model.to(device)

    def get_parameters(self, config):
        return [value.detach().cpu().numpy().copy() for value in self.model.state_dict().values()]

    def set_parameters(self, parameters):
        names = list(self.model.state_dict())
        state = {name: torch.from_numpy(value.copy()) for name, value in zip(names, parameters, strict=True)}
        self.model.load_state_dict(state)


def get_named(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def set_named(model, state):
    model.load_state_dict(state, strict=True)


def get_trained(model):
    return {n: p.detach().float().cpu().numpy().copy() for n, p in model.named_parameters() if p.requires_grad}


def set_trained(model, parameters):
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if trained.keys() != parameters.keys():
        raise ValueError("other tensors than those that are trained")
    with torch.no_grad():
        for name, p in trained.items():
            value = torch.tensor(parameters[name])
            if value.shape != p.shape:
                raise ValueError(name)
            p.copy_(value)


PAIRS = ["get_weights,set_weights", "Client", "get_named,set_named", "get_trained,set_trained"]
