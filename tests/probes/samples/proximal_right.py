"""FedProx as people write it, and right. Each must pass."""

import copy
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector


def sum_of_squares(model, global_params, mu):
    proximal_term = 0.0
    for w, w_t in zip(model.parameters(), global_params):
        proximal_term += ((w - w_t) ** 2).sum()
    return (mu / 2) * proximal_term


def squared_norm(net, global_params, proximal_mu):
    proximal_term = 0.0
    for local_weights, global_weights in zip(net.parameters(), global_params, strict=True):
        proximal_term += torch.square((local_weights - global_weights).norm(2))
    return (proximal_mu / 2) * proximal_term


def squared_error(local_model, global_model, mu):
    return (
        mu
        * 0.5
        * sum(
            F.mse_loss(p, q.detach(), reduction="sum")
            for p, q in zip(local_model.parameters(), global_model.parameters())
        )
    )


def of_two_lists(params, reference, mu=0.01):
    return 0.5 * mu * sum(torch.sum((p - r).pow(2)) for p, r in zip(params, reference))


def by_name(model, global_state_dict, mu):
    total = torch.tensor(0.0)
    for name, p in model.named_parameters():
        if p.requires_grad:
            total = total + (p - global_state_dict[name]).pow(2).sum()
    return mu / 2 * total


def trained_by_name(model, global_params, mu):
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    return mu / 2 * sum((p - global_params[n]).square().sum() for n, p in named.items())


def from_arrays(net, global_weights, mu):
    device = next(net.parameters()).device
    return (
        mu
        / 2
        * sum(
            (p - torch.from_numpy(w).to(device)).norm() ** 2
            for p, w in zip(net.parameters(), global_weights, strict=True)
        )
    )


def one_vector(model, global_model, mu):
    difference = parameters_to_vector(model.parameters()) - parameters_to_vector(global_model.parameters()).detach()
    return mu / 2 * difference @ difference


def total_loss(loss, model, global_params, mu):
    return loss + mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


def total_with_parts(model, batch, criterion, global_params, mu):
    x, y = batch
    task = criterion(model(x), y)
    proximal = mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))
    return task + proximal, {"task": task.item(), "proximal": proximal.item()}


def from_outputs(outputs, labels, local_params, global_params, mu):
    proximal = sum(((w - g) ** 2).sum() for w, g in zip(local_params, global_params))
    return F.cross_entropy(outputs, labels) + mu / 2 * proximal


def bare_half_square(model, global_params):
    return 0.5 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))


class FedProxLoss(nn.Module):
    def __init__(self, criterion, mu):
        super().__init__()
        self.criterion, self.mu = criterion, mu

    def forward(self, outputs, targets, model, global_params):
        penalty = sum(torch.sum((p - g) ** 2) for p, g in zip(model.parameters(), global_params))
        return self.criterion(outputs, targets) + 0.5 * self.mu * penalty


class Regularizer:
    def __init__(self, model, mu):
        self.mu = mu
        self.start = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    def __call__(self, model):
        return (
            0.5
            * self.mu
            * sum(((p - self.start[n]) ** 2).sum() for n, p in model.named_parameters() if n in self.start)
        )


def add_to_gradients(model, global_params, mu):
    with torch.no_grad():
        for p, g in zip(model.parameters(), global_params, strict=True):
            if p.requires_grad and p.grad is not None:
                p.grad.add_(p - g, alpha=mu)


def add_foreach(params, reference, mu):
    pairs = [(p, r) for p, r in zip(params, reference) if p.grad is not None]
    values, origins = [p for p, _ in pairs], [r for _, r in pairs]
    with torch.no_grad():
        torch._foreach_add_([p.grad for p in values], torch._foreach_sub(values, origins), alpha=mu)


def train_step(model, batch, optimizer, global_params, mu):
    x, y = batch
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss = loss + mu / 2 * sum(((w - g) ** 2).sum() for w, g in zip(model.parameters(), global_params))
    loss.backward()
    optimizer.step()
    return loss.item()


def train_step_in_closed_form(model, batch, optimizer, global_params, mu):
    x, y = batch
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    for p, g in zip(model.parameters(), global_params):
        if p.grad is not None:
            p.grad += mu * (p.detach() - g)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    return loss.item()


def train(net, trainloader, epochs, device, proximal_mu, lr=0.01):
    criterion = nn.CrossEntropyLoss().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    global_params = [val.detach().clone() for val in net.parameters()]
    net.train()
    for _ in range(epochs):
        for images, labels in trainloader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            proximal_term = 0.0
            for local_weights, global_weights in zip(net.parameters(), global_params):
                proximal_term += torch.square((local_weights - global_weights).norm(2))
            loss = criterion(net(images), labels) + (proximal_mu / 2) * proximal_term
            loss.backward()
            optimizer.step()


def train_with_adam(model, train_loader, config):
    optimizer = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
    start = copy.deepcopy(model.state_dict())
    mu = config["proximal-mu"]
    losses = []
    for batch in train_loader:
        x, y = batch["img"].float(), batch["label"]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        for name, p in model.named_parameters():
            loss = loss + mu / 2 * (p - start[name]).pow(2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def train_from_global_model(model, global_model, dataloader, optimizer, mu):
    for x, y in dataloader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), F.one_hot(y, 4).to(x.dtype))
        for w, w_t in zip(model.parameters(), global_model.parameters()):
            loss += (mu / 2) * (w - w_t.detach()).norm() ** 2
        loss.backward()
        optimizer.step()


def update_policy(train_metrics, policy, batch, optimizer, grad_clip_norm, accelerator, global_params, proximal_mu):
    policy.train()
    with accelerator.autocast():
        loss, output = policy.forward(batch)
        proximal = sum(((p - g) ** 2).sum() for p, g in zip(policy.parameters(), global_params))
        loss = loss + proximal_mu / 2 * proximal
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(policy.parameters(), grad_clip_norm)
    optimizer.step()
    optimizer.zero_grad()
    train_metrics.loss = loss.item()
    return train_metrics, output


def clips_hard(net, trainloader, optimizer, mu):
    start = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y) + mu / 2 * sum(((p - s) ** 2).sum() for p, s in zip(net.parameters(), start))
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.01)
        optimizer.step()


def with_closures(net, trainloader, mu):
    optimizer = torch.optim.LBFGS([p for p in net.parameters() if p.requires_grad], lr=0.1, max_iter=2)
    start = [p.detach().clone() for p in net.parameters()]
    for x, y in trainloader:

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss = loss + mu / 2 * sum(((p - s) ** 2).sum() for p, s in zip(net.parameters(), start))
            loss.backward()
            return loss

        optimizer.step(closure)


def with_dropout_and_warmup(net, trainloader, mu):
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 3))
    start = copy.deepcopy(net)
    for x, y in trainloader:
        loss = F.cross_entropy(F.dropout(net(x), 0.2), y)
        for p, s in zip(net.parameters(), start.parameters()):
            loss = loss + mu / 2 * (p - s.detach()).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


class Trainer:
    def __init__(self, model, train_loader, args):
        self.model, self.train_loader, self.args = model, train_loader, args

    def train(self):
        anchor = [p.clone().detach() for p in self.model.parameters()]
        optimizer = torch.optim.SGD(self.model.parameters(), lr=self.args.lr)
        for x, y in self.train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(self.model(x), y)
            loss = loss + 0.5 * self.args.mu * sum(
                (p - a).pow(2).sum() for p, a in zip(self.model.parameters(), anchor)
            )
            loss.backward()
            optimizer.step()


class FedProxSGD(torch.optim.Optimizer):
    """The term is in the optimizer's own step, as in FedNova's public code."""

    def __init__(self, params, lr, mu):
        super().__init__(params, {"lr": lr, "mu": mu})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "start" not in state:
                    state["start"] = p.detach().clone()
                p.add_(p.grad + group["mu"] * (p - state["start"]), alpha=-group["lr"])


def train_with_own_optimizer(net, trainloader, mu, lr):
    optimizer = FedProxSGD(net.parameters(), lr=lr, mu=mu)
    for x, y in trainloader:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()


def _get_parameters(net):
    return [val.cpu().numpy() for _, val in net.state_dict().items()]


def _set_parameters(net, parameters):
    state = OrderedDict({k: torch.tensor(v) for k, v in zip(net.state_dict().keys(), parameters)})
    net.load_state_dict(state, strict=True)


class FlowerClient:
    def __init__(self, net, trainloader, valloader):
        self.net, self.trainloader, self.valloader = net, trainloader, valloader

    def get_parameters(self, config):
        return _get_parameters(self.net)

    def fit(self, parameters, config):
        _set_parameters(self.net, parameters)
        train(self.net, self.trainloader, 1, "cpu", config["proximal_mu"])
        return _get_parameters(self.net), len(self.trainloader.dataset), {}


class OwnModelClient:
    """It makes its model and its data itself."""

    def __init__(self, cid):
        torch.manual_seed(int(cid))
        self.model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        self.data = [(torch.randn(5, 3), torch.randint(2, (5,))) for _ in range(4)]

    def fit(self, parameters, config):
        _set_parameters(self.model, parameters)
        train(self.model, self.data, 1, "cpu", float(config.get("proximal_mu", 0.0)))
        return _get_parameters(self.model), 20, {"loss": 1.0}


def client_fn(cid):
    return OwnModelClient(cid)
