"""The arguments of the proximal probe: names of parameters, and objects from the bench for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn import functional

from .bench import ACCELERATOR, BATCH, EPOCHS, RATE, Bench, TinyPolicy
from .binding import Variant, Vocabulary, split_names

DATA = ("classes", "values", "image", "robot", "pixels")
STYLES: dict[str, tuple[str, ...]] = {
    "reference": ("list", "trained", "dict", "trained-dict", "state", "module", "arrays", "trained-arrays"),
    "parameters": ("list", "trained", "dict", "trained-dict", "module", "state"),
    "batch": DATA,
    "loader": DATA,
    "validation": ("classes",),
    "data": (*DATA, *(f"loader-{style}" for style in DATA)),
    "criterion": ("classes", "values"),
    "labels": ("classes", "values"),
    "device": ("object", "text"),
}
# The words in a parameter's name that speak for a style.
HINTS = {
    "module": ("model", "net", "server"),
    "state": ("state", "dict"),
    "dict": ("named", "dict"),
    "trained": ("trainable",),
    "arrays": ("arrays", "ndarrays", "numpy"),
}

NAMES = split_names("""
    model: model net module policy network localmodel clientmodel localnet targetmodel
    parameters: params parameters weights localparams localweights localparameters modelparams trainableparams
        namedparams namedparameters currentparams theta w values params0
    reference: globalparams globalweights globalparameters globalmodel globalnet globalstate globalstatedict
        globalmodelparams globaltensors reference referenceparams referencemodel ref refparams initialparams
        initialparameters initialweights initparams initweights serverparams serverweights servermodel
        serverparameters w0 wt wglobal wround theta0 anchor anchors origin origins start roundparams oldparams
        referencestate constrainttensors globalp initialstate server globaldict globalw gparams gweights startparams
        references roundweights oldweights modelglobal globalmodelstate serverstate serverstatedict
    mu: mu proximalmu proxmu fedproxmu muprox lam lmbda lambdaprox proxlambda proximalcoefficient proxcoef
        proxcoeff strength proximalweight proxweight rho weight fedproxmu lambdaprox
    loss: loss baseloss taskloss celoss policyloss mainloss localloss originalloss total
    outputs: outputs output logits preds pred ypred predictions yhat
    labels: labels label targets target y ytrue groundtruth
    inputs: inputs input x images image features img
    batch: batch minibatch databatch batchdata
    loader: trainloader dataloader loader traindataloader trainiter trainset traindata batches dataiter dataset
        traindl dl
    data: data
    validation: valloader validationloader testloader evalloader valdataloader testset valset
        testdataloader valdata testdata valdl testdl
    criterion: criterion lossfn lossfunc lossfunction criterionfn lossfun lossfnc lossfct losscriterion criteria crit
        lossmodule costfn costfunction
    optimizer: optimizer optim opt
    scheduler: scheduler lrscheduler learningratescheduler sched
    scaler: scaler gradscaler
    device: device dev
    epochs: epochs localepoch localepochs numepochs nepochs
    steps: steps localsteps numsteps maxsteps nsteps iterations
    rate: lr learningrate locallr clientlr
    size: batchsize numexamples numsamples numtrain trainsamples testsamples ntrain
    kind: argsoptimizer optimizername optimname optimizertype
    zero: momentum weightdecay wd
    limit: clipnorm gradclip maxgradnorm gradclipnorm maxnorm clip
    config: config cfg args settings hparams runconfig fitconfig trainconfig hyperparams
    counter: step stepidx iteration epoch round serverround currentround rnd i seed
    identity: cid clientid partitionid partition nodeid netid id clientidx numclients
    quiet: verbose useamp amp debug
    logger: logger log
    tracker: trainmetrics traintracker metrics tracker
    accelerator: accelerator
""")

ANNOTATIONS = {
    "DataLoader": "loader",
    "Optimizer": "optimizer",
    "LRScheduler": "scheduler",
    "GradScaler": "scaler",
    "Accelerator": "accelerator",
    "Logger": "logger",
}


def preferred(role: str, name: str) -> Sequence[str]:
    """Return the styles of a role, those first that a parameter's name hints at."""
    styles, lower = STYLES.get(role, ("",)), name.lower()
    hinted = [style for style, words in HINTS.items() if style in styles and any(word in lower for word in words)]
    return (*hinted, *(style for style in styles if style not in hinted))


UNIQUE = ("model", "parameters", "mu", "loss", "outputs", "labels", "inputs", "batch", "loader", "data")
PROXIMAL = Vocabulary(NAMES, ANNOTATIONS, preferred, "proximal", unique=UNIQUE)


def give(bench: Bench, variant: Variant) -> dict[str, Any]:
    """Return the arguments of a call, by parameter."""
    return {name: _object(bench, role, style) for name, (role, style) in variant.items()}


def _object(bench: Bench, role: str, style: str) -> Any:
    if role in ("reference", "parameters"):
        return _tensors(bench, role, style)
    if role in ("batch", "loader", "data", "validation", "inputs", "labels"):
        return _data(bench, role, style)
    if role in ("loss", "outputs"):
        inputs, classes = next(iter(bench.batches("classes")))
        outputs = bench.model(inputs)
        return outputs if role == "outputs" else functional.cross_entropy(outputs, classes)
    return PLAIN[role](bench, style)


PLAIN: dict[str, Callable[[Bench, str], Any]] = {
    "model": lambda bench, _: bench.model,
    "mu": lambda bench, _: bench.mu,
    "criterion": lambda _, style: nn.CrossEntropyLoss() if style == "classes" else nn.MSELoss(),
    "optimizer": lambda bench, _: bench.optimizer,
    "scheduler": lambda bench, _: torch.optim.lr_scheduler.LambdaLR(bench.optimizer, lambda _: 1.0),
    "scaler": lambda *_: GradScaler("cpu", enabled=False),
    "device": lambda _, style: torch.device("cpu") if style == "object" else "cpu",
    "config": lambda bench, _: bench.settings,
    "logger": lambda *_: logging.getLogger("probe"),
    "tracker": lambda *_: SimpleNamespace(),
    "accelerator": lambda *_: ACCELERATOR,
    "epochs": lambda *_: EPOCHS,
    "steps": lambda *_: 3,
    "rate": lambda *_: RATE,
    "size": lambda *_: BATCH,
    "zero": lambda *_: 0.0,
    "limit": lambda *_: 1e6,  # never reached: clipping scales the term with the rest
    "counter": lambda *_: 1,
    "identity": lambda *_: 0,
    "kind": lambda *_: "sgd",
    "quiet": lambda *_: False,
}


def _data(bench: Bench, role: str, style: str) -> Any:
    if role in ("inputs", "labels"):
        inputs, labels = next(iter(bench.batches(style or "classes")))
        return inputs if role == "inputs" else labels
    if role == "batch" or (role == "data" and not style.startswith("loader-")):
        return next(iter(bench.batches(style)))
    return Loader(list(bench.batches(style.removeprefix("loader-"))))


class Pass(Iterator[Any]):
    """One pass over the batches; as that of a DataLoader it has a length."""

    def __init__(self, batches: Sequence[Any]) -> None:
        self._batches, self._begun = batches, 0

    def __next__(self) -> Any:
        if self._begun >= len(self._batches):
            raise StopIteration
        self._begun += 1
        return self._batches[self._begun - 1]

    def __len__(self) -> int:
        return len(self._batches)


class Loader(list[Any]):
    """Batches with what is asked of a DataLoader."""

    batch_size = BATCH
    num_workers = 0
    pin_memory = drop_last = False

    def __iter__(self) -> Pass:
        return Pass(self)

    @property
    def dataset(self) -> range:
        """A range as long as the data set."""
        return range(len(self) * BATCH)

    @property
    def sampler(self) -> range:
        """The order of the data set's items; of training code it is only asked how many."""
        return self.dataset

    @property
    def batch_sampler(self) -> list[range]:
        """The batches as positions of items."""
        return [self.dataset[begin : begin + BATCH] for begin in range(0, len(self.dataset), BATCH)]


def _tensors(bench: Bench, role: str, style: str) -> Any:
    live = role == "parameters"
    if style == "module":
        return bench.model if live else _module(bench)
    named: dict[str, Any] = dict(bench.model.state_dict(keep_vars=True))
    if not live:
        named = {name: bench.origin[name].clone() for name in named}
    if style != "state":
        wanted = dict(bench.model.named_parameters())
        only = style.startswith("trained")
        named = {name: named[name] for name, value in wanted.items() if value.requires_grad or not only}
    if bench.short and not live:
        named.popitem()
    if style.endswith("arrays"):
        return [value.numpy() for value in named.values()]
    return named if style.endswith("dict") or style == "state" else list(named.values())


def _module(bench: Bench) -> nn.Module:
    if bench.short:
        raise NotImplementedError("a module can't lack a tensor")
    module = TinyPolicy(freeze=bench.freeze).to(bench.dtype)
    module.load_state_dict(bench.origin)
    return module


def scalar_of(result: Any) -> Tensor | float | None:
    """Return the loss in what a function returned: itself, or the first scalar of a tuple or dict."""
    if isinstance(result, Tensor):
        return result if result.numel() == 1 else None
    if isinstance(result, (int, float)) and not isinstance(result, bool):
        return float(result)
    parts: Iterable[Any] = result if isinstance(result, (tuple, list)) else ()
    if isinstance(result, dict):
        named = [value for key, value in result.items() if "loss" in str(key).lower() or "total" in str(key).lower()]
        parts = (*named, *result.values())
    return next((found for value in parts if (found := scalar_of(value)) is not None), None)
