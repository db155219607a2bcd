"""Pairs of get and set as people write them, and wrong; PAIRS says which fault is found first, strictly."""

import copy
from collections import OrderedDict

import numpy as np
import torch
from torch import nn


def get_weights(net):
    return [val.detach().cpu().numpy().copy() for _, val in net.state_dict().items()]


def set_weights(net, parameters):
    state_dict = OrderedDict({k: torch.tensor(v) for k, v in zip(net.state_dict().keys(), parameters, strict=True)})
    net.load_state_dict(state_dict, strict=True)


def set_a_copy(net, parameters):
    net = copy.deepcopy(net)
    set_weights(net, parameters)


def set_the_dict(net, parameters):
    state = net.state_dict()
    for key, value in zip(state.keys(), parameters, strict=True):
        state[key] = torch.tensor(value)


def get_half(net):
    return [val.cpu().numpy().astype(np.float16) for _, val in net.state_dict().items()]


def get_sorted(net):
    return [val.cpu().numpy().copy() for _, val in sorted(net.state_dict().items(), key=lambda item: -item[1].numel())]


def get_but_the_head(net):
    return {k: v.cpu().numpy().copy() for k, v in net.state_dict().items() if "head" not in k}


def set_what_is_there(net, parameters):
    net.load_state_dict({k: torch.tensor(v) for k, v in parameters.items()}, strict=False)


def get_parameters_only(net):
    return [p.detach().numpy().copy() for p in net.parameters()]


def set_parameters_only(net, parameters):
    for p, value in zip(net.parameters(), parameters, strict=True):
        p.data = torch.tensor(value)


def set_broadcast(net, parameters):
    state = net.state_dict()
    with torch.no_grad():
        for value, new in zip(state.values(), parameters, strict=True):
            value.copy_(torch.tensor(new))


def set_short(net, parameters):
    state = OrderedDict((k, torch.tensor(v)) for k, v in zip(net.state_dict().keys(), parameters))
    net.load_state_dict(state, strict=False)


def get_views(net):
    return [val.cpu().numpy() for _, val in net.state_dict().items()]


def set_thawed(net, parameters):
    for (name, _), value in zip(net.state_dict().items(), parameters, strict=True):
        module_name, _, attribute = name.rpartition(".")
        module = net.get_submodule(module_name)
        if attribute in ("weight", "bias"):
            if getattr(module, attribute).shape != torch.tensor(value).shape:
                raise ValueError(name)
            setattr(module, attribute, nn.Parameter(torch.tensor(value)))
        else:
            setattr(module, attribute, torch.tensor(value))


PAIRS = {
    "get_weights,set_a_copy": "parameters-not-applied",
    "get_weights,set_the_dict": "parameters-not-applied",
    "get_half,set_weights": "exchange-incomplete",
    "get_sorted,set_weights": "exchange-incomplete",
    "get_but_the_head,set_what_is_there": "exchange-incomplete",
    "get_parameters_only,set_parameters_only": "exchange-incomplete",
    "get_weights,set_broadcast": "exchange-incomplete",
    "get_weights,set_short": "exchange-incomplete",
    "get_views,set_weights": "exchange-aliased",
    "get_weights,set_thawed": "frozen-moved",
}
