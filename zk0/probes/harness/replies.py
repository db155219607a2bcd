"""Give one round's replies to foreign aggregation in the form its parameters ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .binding import Variant, Vocabulary, split_names
from .rounds import COUNTER, Array, Round

NAMES = split_names("""
    results: results wsolns solns fitresults clientresults replies clientupdatesandweights res
    updates: weightslist updates clientweights clientupdates clientparams clientparameters params statedicts
        clientstatedicts localweights localparams localstates models clientmodels weights parameters
        parameterslist arrayslist arrays tensors clientarrays localmodels w states clientstates statedictlist
        modelslist serializedparamslist deltas clientdeltas ndarrays dicts modelupdates paramslist listofweights
        clientdicts
    counts: numexamples examples numsamples samples counts sizes ns n nk datasetsizes clientsizes numdata
        samplecounts clientnums lens lengths samplenum clientcounts examplecounts clientsamples numexampleslist
        datasizes
    weights: aggregationweights weight clientimportance mixing
    fractions: coefficients fractions alphas ratios clientfractions factors importance
    current: globalmodel globalweights globalparams globalparameters globalstate globalstatedict servermodel
        serverstate currentweights currentparameters oldparams previous current oldweights
        globaldict globalarrays originalparameters origin
    round: serverround round rnd currentround roundnum
    failures: failures
    total: total totalexamples totalsamples ntotal
    number: numclients nclients k clients
    rate: serverlr lr serverlearningrate eta
    initial: initialparameters
    mu: proximalmu mu
    context: context
    name: weightedbykey key weightingmetricname
""")

# A list of what clients sent, by who sent it and what it is: `local_model_weights`, `client_state_dicts_list`.
SENDERS = (
    "client clients local worker workers node nodes site sites party device participant user received collected all"
)
TENSORS = (
    "weights params parameters states statedicts updates arrays tensors dicts models "
    "modelweights modelparams modelparameters modelstates modelstatedicts modelupdates modeldicts"
)
NAMES["updates"] += [
    name
    for sender in SENDERS.split()
    for kind in TENSORS.split()
    for name in (f"{sender}{kind}", f"{sender}{kind}list", f"{sender}{kind.removesuffix('s')}list")
]

# A list of how much each client has, by who has it, what is counted and how it is kept: `dict_len`, `client_sizes`.
COUNTED = "len lens length lengths size sizes counts samplenum samplenums numsamples"
OWNERS = f"dict data dataset datasets local sample samples train list {SENDERS}"
NAMES["counts"] += [
    name
    for counted in COUNTED.split()
    for owner in OWNERS.split()
    for name in (
        *(f"{owner}{counted}", f"{owner}{counted}list", f"{counted}list", f"{counted}dict"),
        f"{counted}of{owner}",
    )
]

# `weights` are the clients' tensors, or how much they count where the tensors have a name of their own.
YIELDING = dict.fromkeys(("w", "weights", *(f"{sender}weights" for sender in SENDERS.split())), "weights")


STYLES = {
    "results": ["pairs", "fitres", "torch-pairs", "reversed", "torch-reversed", "mapping"],
    "updates": ["arrays", "torch-dicts", "numpy-dicts", "torch-lists", "mapping", "modules", "vectors"],
    "counts": ["list", "mapping"],
    "weights": ["counts", "fractions", "mapping"],
    "current": ["arrays", "torch-dict", "numpy-dict", "torch-list", "module"],
}


def preferred(role: str, name: str) -> Sequence[str]:
    """Return the styles of a role, those first that a parameter's name hints at."""
    lower = name.lower().replace("_", "")
    styles = STYLES.get(role, [""])
    if "dict" in lower or "state" in lower:
        styles = sorted(styles, key=lambda style: "dict" not in style)
    if "model" in lower and "dict" not in lower:
        styles = sorted(styles, key=lambda style: "module" not in style)
    if role == "updates" and ("delta" in lower or lower.endswith("updates")):
        return [*styles, *(f"delta-{style}" for style in styles if style != "modules")]
    return styles


AGGREGATION = Vocabulary(
    NAMES,
    {"FitRes": "results"},
    preferred,
    "aggregation",
    YIELDING,
    unique=("results", "updates", "counts", "weights", "current"),
)


def give(round_: Round, variant: Variant) -> dict[str, Any]:
    """Return the arguments of a call."""
    return {name: _object(round_, role, style) for name, (role, style) in variant.items()}


def _object(round_: Round, role: str, style: str) -> Any:
    if role == "results":
        return _results(round_, style)
    if role == "updates":
        return _updates(round_, style)
    if role in ("counts", "weights", "fractions"):
        return _weights(round_, "fractions" if role == "fractions" else style)
    if role == "current":
        return in_form(round_.current, style)
    total, number = sum(update.examples for update in round_.updates), len(round_.updates)
    plain = {
        "round": round_.number,
        "failures": [],
        "rate": 1.0,
        "mu": 0.1,
        "total": total,
        "number": number,
        "unread": None,
    }
    return plain[role]


def _weights(round_: Round, style: str) -> Any:
    examples = {update.client: update.examples for update in round_.updates}
    if style == "fractions":
        return [number / sum(examples.values()) for number in examples.values()]
    return examples if style == "mapping" else list(examples.values())


def _results(round_: Round, style: str) -> Any:
    if style == "pairs":
        return [(list(update.arrays.values()), update.examples) for update in round_.updates]
    if style == "torch-pairs":
        return [(in_form(update.arrays, "torch-dict"), update.examples) for update in round_.updates]
    if style == "reversed":
        return [pair[::-1] for pair in _results(round_, "pairs")]
    if style == "torch-reversed":
        return [pair[::-1] for pair in _results(round_, "torch-pairs")]
    if style == "mapping":
        return dict(zip([update.client for update in round_.updates], _results(round_, "pairs")))
    return fit_results(round_)


def _updates(round_: Round, style: str) -> Any:
    sent = [update.arrays for update in round_.updates]
    if style.startswith("delta-"):
        sent = [{name: value - round_.current[name] for name, value in arrays.items()} for arrays in sent]
        style = style[len("delta-") :]
    if style == "mapping":
        clients = [update.client for update in round_.updates]
        return dict(zip(clients, (in_form(arrays, "torch-dict") for arrays in sent)))
    return [in_form(arrays, style) for arrays in sent]


def in_form(arrays: Mapping[str, Array], style: str) -> Any:
    """Return tensors as a list, a dict, a vector or a model, of NumPy or PyTorch."""
    style = style.removesuffix("s")
    if style == "array":
        return list(arrays.values())
    if style == "numpy-dict":
        return dict(arrays)
    import torch

    named = {name: torch.from_numpy(value) for name, value in arrays.items()}  # shares memory: changes are seen
    if style == "torch-list":
        return list(named.values())
    if style == "vector":
        return torch.cat([value.flatten() for value in named.values()])
    return _module(named) if style == "module" else named


def _module(named: Mapping[str, Any]) -> Any:
    from torch import nn

    module = nn.ModuleDict({name: nn.Linear(4, 4) for name in ("first", "second")})
    if COUNTER in named:
        owner, _, buffer = COUNTER.partition(".")
        module[owner] = nn.Module()
        module[owner].register_buffer(buffer, named[COUNTER].clone())
    module.load_state_dict(dict(named))
    return module


class Metrics(dict[str, Any]):
    """A client's metrics: whatever else a strategy looks for is 0."""

    def __missing__(self, key: str) -> float:
        return 0.0


def fit_results(round_: Round) -> list[tuple[Any, Any]]:
    """Return the round as the old interface's (ClientProxy, FitRes) pairs."""
    from flwr.common import Code, FitRes, Status, ndarrays_to_parameters

    return [
        (
            client_proxy(update.client),
            FitRes(
                status=Status(Code.OK, ""),
                parameters=ndarrays_to_parameters(list(update.arrays.values())),
                num_examples=update.examples,  # type: ignore[arg-type]
                metrics=Metrics(loss=1.0, train_loss=1.0, num_examples=update.examples),
            ),
        )
        for update in round_.updates
    ]


def client_proxy(name: str) -> Any:
    """Return a ClientProxy that only has a name."""
    from flwr.server.client_proxy import ClientProxy

    return stub(ClientProxy)(name)


def stub(interface: type, **methods: Callable[..., Any]) -> Any:
    """Return a class of an interface whose other abstract methods raise NotImplementedError."""

    def missing(*_: Any, **__: Any) -> Any:
        raise NotImplementedError

    abstract: Any = getattr(interface, "__abstractmethods__", ())
    return type(f"Stub{interface.__name__}", (interface,), dict.fromkeys(abstract, missing) | methods)
