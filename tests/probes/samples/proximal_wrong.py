"""FedProx as people write it, and wrong. The first word of each docstring is the fault that must be found first."""

import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

MU = 0.01


def no_half(model, global_params, mu):
    """proximal-formula"""
    return mu * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def norm_per_tensor(model, global_params, mu):
    """proximal-formula"""
    return mu / 2 * sum((w - g).norm(2) for w, g in zip(model.parameters(), global_params))


def norm_of_all(model, global_params, mu):
    """proximal-formula"""
    return mu / 2 * torch.cat([(w - g).flatten() for w, g in zip(model.parameters(), global_params)]).norm()


def root_of_all(model, global_params, mu):
    """proximal-formula"""
    return mu / 2 * torch.sqrt(sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params)))


def absolute(model, global_params, mu):
    """proximal-formula"""
    return mu / 2 * sum((w - g).abs().sum() for w, g in zip(model.parameters(), global_params))


def mean_of_squares(model, global_params, mu):
    """proximal-formula"""
    return mu / 2 * sum(F.mse_loss(w, g) for w, g in zip(model.parameters(), global_params))


def wrong_sign(loss, model, global_params, mu):
    """proximal-formula"""
    return loss - mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def mu_squared(model, global_params, mu):
    """proximal-formula"""
    return mu**2 / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def items(model, global_params, mu):
    """proximal-detached"""
    proximal_term = 0.0
    for w, g in zip(model.parameters(), global_params):
        proximal_term += ((w - g) ** 2).sum().item()
    return mu / 2 * proximal_term


def detached(loss, model, global_params, mu):
    """proximal-detached"""
    return loss + mu / 2 * sum(((w.detach() - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def data(loss, model, global_params, mu):
    """proximal-detached"""
    return loss + mu / 2 * sum(((w.data - g.data) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def without_gradients(loss, model, global_params, mu):
    """proximal-detached"""
    with torch.no_grad():
        term = sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))
    return loss + mu / 2 * term


def half_detached(model, global_params, mu):
    """proximal-detached"""
    return mu / 2 * sum(((w - g).detach() * (w - g)).sum() for w, g in zip(model.parameters(), global_params))


def state_dict_values(loss, model, global_state_dict, mu):
    """proximal-detached"""
    term = 0.0
    for name, value in model.state_dict().items():
        if "num_batches" not in name and "running" not in name:
            term += ((value - global_state_dict[name]) ** 2).sum()
    return loss + mu / 2 * term


def only_the_head(model, global_params, mu):
    """proximal-incomplete"""
    last = list(model.parameters())[-2:]
    return mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(last, list(global_params)[-2:]))


def only_matrices(model, global_params, mu):
    """proximal-incomplete"""
    return mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params) if w.ndim > 1)


def trained_against_all(model, global_model, mu):
    """proximal-pairing"""
    trained = [p for p in model.parameters() if p.requires_grad]
    return mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(trained, global_model.parameters()))


def reversed_reference(model, global_model, mu):
    """proximal-pairing"""
    pairs = zip(
        [p for p in model.parameters() if p.ndim == 2],
        [p.detach() for p in reversed(list(global_model.parameters())) if p.ndim == 2],
    )
    vectors = zip([p for p in model.parameters() if p.ndim == 1], [p for p in global_model.parameters() if p.ndim == 1])
    return mu / 2 * sum(((w - g) ** 2).sum() for both in (pairs, vectors) for w, g in both)


def mu_in_the_code(model, global_params, mu):
    """setting-not-delivered"""
    return MU / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def weight_decay(model, global_params, mu):
    """proximal-reference"""
    return mu / 2 * sum((w**2).sum() for w in model.parameters())


class Aliased:
    """proximal-reference"""

    def __init__(self, model, mu):
        self.mu = mu
        self.start = [p.data for p in model.parameters()]

    def __call__(self, model):
        return self.mu / 2 * sum(((p - s) ** 2).sum() for p, s in zip(model.parameters(), self.start))


class StateDictAlias:
    """proximal-reference"""

    def __init__(self, model, mu):
        self.mu = mu
        self.start = model.state_dict()

    def forward(self, model):
        return self.mu / 2 * sum(((p - self.start[n]) ** 2).sum() for n, p in model.named_parameters())


class Accumulating:
    """proximal-repeated"""

    def __init__(self, mu):
        self.mu = mu
        self.term = 0.0

    def __call__(self, model, global_params):
        for w, g in zip(model.parameters(), global_params):
            self.term = self.term + ((w - g) ** 2).sum()
        return self.mu / 2 * self.term


def in_loss_and_gradients(loss, model, global_params, mu):
    """proximal-repeated"""
    loss = loss + mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))
    loss.backward()
    for p, g in zip(model.parameters(), global_params):
        if p.grad is not None:
            p.grad += mu * (p.data - g)
    return loss.item()


def gradients_of_all(model, global_params, mu):
    """proximal-frozen"""
    for p, g in zip(model.parameters(), global_params):
        gradient = mu * (p.data - g)
        p.grad = gradient if p.grad is None else p.grad + gradient


def buffers_too(model, global_state_dict, mu):
    """proximal-frozen"""
    term = 0.0
    for name, value in model.state_dict(keep_vars=True).items():
        term = term + ((value - global_state_dict[name]) ** 2).sum()
    return mu / 2 * term


def after_the_step(model, batch, optimizer, global_params, mu):
    """proximal-inert"""
    x, y = batch
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    loss = loss + mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))
    return loss.item()


def after_backward(net, trainloader, epochs, proximal_mu):
    """proximal-inert"""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    global_params = [p.detach().clone() for p in net.parameters()]
    total = 0.0
    for _ in range(epochs):
        for x, y in trainloader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            proximal = sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
            loss = loss + proximal_mu / 2 * proximal
            optimizer.step()
            total += loss.item()
    return total


def exhausted(net, trainloader, optimizer, config):
    """proximal-reference"""
    global_params = copy.deepcopy(net).parameters()
    for x, y in trainloader:
        optimizer.zero_grad()
        proximal_term = 0.0
        for local_weights, global_weights in zip(net.parameters(), global_params):
            proximal_term += ((local_weights - global_weights) ** 2).sum()
        loss = F.cross_entropy(net(x), y) + (config["proximal_mu"] / 2) * proximal_term
        loss.backward()
        optimizer.step()


def list_is_no_copy(net, trainloader, optimizer, mu):
    """proximal-reference"""
    global_params = list(net.parameters())
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss += mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        loss.backward()
        optimizer.step()


def shallow_copy(net, trainloader, optimizer, mu):
    """proximal-reference"""
    global_model = copy.copy(net)
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        for w, g in zip(net.parameters(), global_model.parameters()):
            loss = loss + mu / 2 * ((w - g.detach()) ** 2).sum()
        loss.backward()
        optimizer.step()


def refreshed_each_step(net, trainloader, optimizer, mu):
    """proximal-reference"""
    for x, y in trainloader:
        global_params = [p.detach().clone() for p in net.parameters()]
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss += mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        loss.backward()
        optimizer.step()


def a_step_behind(net, trainloader, optimizer, mu):
    """proximal-reference"""
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss += mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        global_params = [p.detach().clone() for p in net.parameters()]
        loss.backward()
        optimizer.step()


def item_in_the_loop(net, trainloader, optimizer, mu):
    """proximal-detached"""
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        proximal = 0.0
        for w, g in zip(net.parameters(), global_params):
            proximal += torch.norm(w - g).item() ** 2
        loss = F.cross_entropy(net(x), y) + mu / 2 * proximal
        loss.backward()
        optimizer.step()


def sum_begun_once(net, trainloader, optimizer, mu):
    """proximal-repeated"""
    global_params = [p.detach().clone() for p in net.parameters()]
    pull = [torch.zeros_like(p) for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        for p, g, total in zip(net.parameters(), global_params, pull):
            if p.grad is not None:
                total += mu * (p.detach() - g)
                p.grad += total
        optimizer.step()


def mu_never_used(net, trainloader, optimizer, mu):
    """setting-not-delivered"""
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss += MU / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        loss.backward()
        optimizer.step()


def another_key(net, trainloader, optimizer, config):
    """setting-not-delivered"""
    mu = config.get("fedprox", {}).get("mu", 0.0)
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss += mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        loss.backward()
        optimizer.step()


def frozen_gradients(net, trainloader, mu):
    """proximal-frozen"""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        for p, g in zip(net.parameters(), global_params):
            pull = mu * (p.detach() - g)
            p.grad = pull if p.grad is None else p.grad + pull
        optimizer.step()


def frozen_decay(net, trainloader, mu):
    """frozen-moved"""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, weight_decay=0.1)
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        for p, g in zip(net.parameters(), global_params):
            pull = mu * (p.detach() - g)
            p.grad = pull if p.grad is None else p.grad + pull
        optimizer.step()


def twice_in_the_loop(net, trainloader, optimizer, mu):
    """proximal-formula"""
    global_params = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        proximal = mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        loss = F.cross_entropy(net(x), y) + proximal
        loss = loss + proximal
        loss.backward()
        optimizer.step()


def _get_parameters(net):
    return [val.cpu().numpy() for _, val in net.state_dict().items()]


def _set_parameters(net, parameters):
    state = OrderedDict({k: torch.tensor(v) for k, v in zip(net.state_dict().keys(), parameters)})
    net.load_state_dict(state, strict=True)


def _train(net, trainloader, mu, global_params):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss += mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(net.parameters(), global_params))
        loss.backward()
        optimizer.step()


class ReferenceOfTheConstructor:
    """proximal-reference"""

    def __init__(self, net, trainloader):
        self.net, self.trainloader = net, trainloader
        self.global_params = [p.detach().clone() for p in net.parameters()]

    def get_parameters(self, config):
        return _get_parameters(self.net)

    def fit(self, parameters, config):
        _set_parameters(self.net, parameters)
        _train(self.net, self.trainloader, config["proximal_mu"], self.global_params)
        return _get_parameters(self.net), 32, {}


class NeverSet:
    """parameters-not-applied"""

    def __init__(self, net, trainloader):
        self.net, self.trainloader = net, trainloader

    def fit(self, parameters, config):
        _set_parameters(copy.deepcopy(self.net), parameters)
        _train(self.net, self.trainloader, config["proximal_mu"], [p.detach().clone() for p in self.net.parameters()])
        return _get_parameters(self.net), 32, {}


class MuOfItsOwn:
    """setting-not-delivered"""

    def __init__(self, net, trainloader):
        self.net, self.trainloader = net, trainloader

    def fit(self, parameters, config):
        _set_parameters(self.net, parameters)
        _train(self.net, self.trainloader, MU, [p.detach().clone() for p in self.net.parameters()])
        return _get_parameters(self.net), 32, {}
