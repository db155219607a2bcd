"""Write an adapter: a small file that calls a target under a convention zk0 knows, with what is unknown left open.

What a parameter's name tells is filled in. The rest are lines that end in the mark, for a person or an agent who knows
the code: one for each unknown argument, or, for a method of a class that is hard to make, one for its attributes.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from .adapter_conventions import AGGREGATION_ARGUMENTS, CONVENTION, PROXIMAL_ARGUMENTS
from .attributes import attributes_read, self_used
from .binding import COLLECTING, Vocabulary, signature_text
from .errors import TargetError
from .replies import AGGREGATION
from .strategies import is_strategy
from .targets import Target, find_target, refuse_value

MARK = "  # <-- complete"
OPAQUE = ("args", "cfg", "conf", "opt", "options", "exp_config", "hparams")  # what they hold is not known
DATA_WORDS = ("load_data", "load_train", "load_test", "train_data", "get_data", "loader", "dataset", "partition")
MOST_LINES = 5  # to complete; a class that asks for more is made without its constructor


def adapter_of(kind: str, text: str, root: Path) -> dict[str, str]:
    """Return an adapter's text, and the folder where it belongs: beside the target, whose imports it shares."""
    target = find_target(text, root)
    if kind == "proximal":
        from .arguments import PROXIMAL
        from .clients import is_app, makes_client

        if is_app(target.value) or makes_client(target.value):
            kind, body = "app", _app(target)
        else:
            body = _call(target, PROXIMAL, PROXIMAL_ARGUMENTS, "probe(model, global_params, mu, loader, config)")
    elif kind == "aggregation" and inspect.isclass(target.value) and is_strategy(target.value):
        kind = "strategy"
        body = [
            "def probe():",
            *_made(target.value, AGGREGATION, {**AGGREGATION_ARGUMENTS, "initial": "None"}, "return"),
        ]
    elif kind == "aggregation":
        body = _call(target, AGGREGATION, AGGREGATION_ARGUMENTS, "probe(weights_list, num_examples, global_weights)")
    else:
        body = _exchange(target)
    inside = target.root in Path(getattr(target.module, "__file__", None) or "/").parents
    folder = str(target.folder.relative_to(root)) if inside else "."
    return {"text": _file(kind, target, body), "folder": folder}


def _file(kind: str, target: Target, body: list[str]) -> str:
    name = (target.owner.__name__ if target.owner else target.name).partition(".")[0]
    signature = signature_text(target.value) if callable(target.value) else ""
    command = {"strategy": "aggregation", "app": "proximal"}.get(kind, kind)
    colon = "" if kind == "exchange" else ":probe"
    code = "\n".join(body)
    open_lines = code.count(MARK)
    todo = f"Complete the {open_lines} lines marked <--, then" if open_lines else "Correct the call, then"
    head = (
        f'"""Lets zk0 call {target.name}{signature} at {target.at}. {todo}: zk0 probe {command} THIS_FILE{colon}.\n\n'
    )
    names = (
        "from types import SimpleNamespace\n\n" if "config" in code else ""
    )  # for settings that are read as attributes
    torch = "" if kind == "strategy" and "torch." not in code else f"{names}import torch\n\n"
    imported = "" if inspect.ismodule(target.value) else f"from {target.module.__name__} import {name}\n"
    if kind == "app":
        imported = f"import {target.module.__name__} as code\n"
    elif inspect.ismodule(target.value):
        imported = f"import {target.module.__name__}\n"
    gap = "\n" if kind == "app" else "\n\n"
    return f'{head}{CONVENTION[kind]}\n"""\n\n{torch}{imported}{gap}{code}\n'


def _call(target: Target, vocabulary: Vocabulary, arguments: dict[str, str], head: str) -> list[str]:
    """Return a function that calls a function, a method, or the `fit` of a class."""
    lines = [f"def {head}:"]
    value, method = target.value, None
    if target.owner is not None:
        lines += _instance(target.owner, value, vocabulary, arguments)
        method = f"it.{value.__name__}"
    elif inspect.isclass(value):
        name = next((name for name in ("fit", "train", "forward", "__call__", "step") if name in vars(value)), None)
        if name is None:
            raise TargetError(f"{target.text} is a class: name the method, as {target.text}.method")
        lines += _instance(value, getattr(value, name), vocabulary, arguments)
        method, value = f"it.{name}", getattr(value, name)
        if name == "fit":  # what the server sends a client, as Flower hands it over
            arguments = {**arguments, "parameters": "[value.numpy().copy() for value in model.state_dict().values()]"}
    elif not callable(value):
        raise refuse_value(target, "nothing to call")
    skip = 1 if method else 0
    needed = _needed(value)[skip:]
    lines += _unknown(needed, vocabulary)
    given = ", ".join(f"{each.name}={_argument(each, vocabulary, arguments)}" for each in needed)
    lines += [f"    return {method or value.__name__}({given})"]
    if "global_model" in given:
        lines[0] = lines[0].replace("global_params", "global_params, global_model")
    return lines


def _app(target: Target) -> list[str]:
    """Return lines that give a ClientApp, or a function that makes a client, batches in place of its data."""
    module = target.module
    code = "code"
    loads = [
        name
        for name in vars(module)
        if callable(getattr(module, name)) and any(word in name.lower() for word in DATA_WORDS)
    ]
    names = [name for name in loads if not inspect.isclass(getattr(module, name))] or ["load_data"]
    return [
        "torch.manual_seed(0)",
        f"inputs, labels = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,)){MARK}: the shapes of your data",
        f'samples = [{{"img": x, "label": y}} for x, y in zip(inputs, labels)]{MARK}: one item of your data set',
        "loader = torch.utils.data.DataLoader(samples, batch_size=8)",
        f"{code}.{names[0]} = lambda *_, **__: (loader, loader){MARK}: what loads your data, and what it returns",
        f"probe = {code}.{target.name}",
    ]


def _instance(owner: type, method: Any, vocabulary: Vocabulary, arguments: dict[str, str]) -> list[str]:
    """Return the lines that make an instance: by its constructor, or without it where that asks for too much."""
    try:
        needed = _needed(owner)
    except (TypeError, ValueError):
        needed = []
    unknown = [each for each in needed if vocabulary.role_of(each) not in arguments]
    asks_much = len(unknown) >= MOST_LINES or any(each.name in OPAQUE for each in needed)
    asks_much = asks_much or (bool(unknown) and not attributes_read(owner, method))
    if not asks_much and not any(each.kind in COLLECTING for each in _parameters(owner)):
        made = _made(owner, vocabulary, arguments, "it =")
        return made + _given(_set_elsewhere(owner, method), vocabulary, arguments)
    lines = [f"    it = object.__new__({owner.__name__})  # without its constructor: its attributes follow"]
    loads = [name for name in self_used(owner, method)[1] if any(word in name.lower() for word in DATA_WORDS)]
    lines += [
        f"    it.{name} = lambda *_, **__: loader{MARK}: what it returns" for name in loads if "loader" in arguments
    ]
    return lines + _given(attributes_read(owner, method, leaving_out=loads), vocabulary, arguments)


def _given(names: list[str], vocabulary: Vocabulary, arguments: dict[str, str]) -> list[str]:
    """Return lines that give an instance attributes: those whose names tell what they are, and one for the others."""
    lines, open_names = [], []
    for name in names:
        role = vocabulary.role_of(inspect.Parameter(name.strip("_") or "_", inspect.Parameter.POSITIONAL_OR_KEYWORD))
        role = "criterion" if role == "loss" else role  # an attribute is what computes it
        if role in arguments:
            lines.append(f"    it.{name} = {arguments[role]}")
        else:
            open_names.append(name)
    if open_names:
        shown = ", ".join(f"{name}=..." for name in open_names)
        lines.append(f"    vars(it).update({shown}){MARK}")
    return lines


def _set_elsewhere(owner: type, method: Any) -> list[str]:
    """Return the attributes that a method reads and no constructor sets: another method does, before."""
    made = "".join(_source(vars(base).get("__init__")) for base in owner.__mro__)
    return [
        name
        for name in attributes_read(owner, method)
        if f"self.{name}" not in made and inspect.getattr_static(owner, name, None) is None
    ]


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def _made(owner: Any, vocabulary: Vocabulary, arguments: dict[str, str], begin: str) -> list[str]:
    needed = _needed(owner)
    unknown = _unknown(needed, vocabulary, arguments)
    if len(unknown) > MOST_LINES - 2:  # an exchange has two lines of its own
        names = [each for each in needed if vocabulary.role_of(each) not in arguments]
        needed = [each for each in needed if each not in names]
        unknown = [f"    more = dict({', '.join(f'{each.name}=...' for each in names)}){MARK}"]
    given = [f"{each.name}={_argument(each, vocabulary, arguments)}" for each in needed]
    given += ["**more"] if "more = dict(" in "".join(unknown) else []
    missing = sorted(getattr(owner, "__abstractmethods__", ()))
    whole = [f"    class Whole({owner.__name__}):"] if missing else []
    whole += [f"        def {name}(self, *arguments):\n            return ...{MARK}" for name in missing]
    return [*unknown, *whole, f"    {begin} {'Whole' if missing else owner.__name__}({', '.join(given)})"]


def _unknown(
    needed: list[inspect.Parameter], vocabulary: Vocabulary, arguments: dict[str, str] | None = None
) -> list[str]:
    known = arguments or {}
    return [
        f"    {each.name} = ...{MARK}"
        + ("" if each.annotation is each.empty else f": {inspect.formatannotation(each.annotation)}")
        for each in needed
        if (vocabulary.role_of(each) is None if arguments is None else vocabulary.role_of(each) not in known)
    ]


def _annotation(parameter: inspect.Parameter) -> str:
    written = parameter.annotation
    return "" if written is parameter.empty else f": {inspect.formatannotation(written)}"


def _argument(parameter: inspect.Parameter, vocabulary: Vocabulary, arguments: dict[str, str]) -> str:
    role = vocabulary.role_of(parameter) or ""
    whole = role == "reference" and vocabulary.styles(role, parameter.name)[0] == "module"
    return "global_model" if whole and "global_params" in arguments.values() else arguments.get(role, parameter.name)


def _exchange(target: Target) -> list[str]:
    from .model_pair import EXCHANGE, GETTERS, SETTERS

    if inspect.isclass(target.value):
        name = target.value.__name__
        getter = next((each for each in GETTERS if hasattr(target.value, each)), "")
        setter = next((each for each in SETTERS if hasattr(target.value, each)), "")
        config = "config={}" if "config" in _names(getattr(target.value, getter, None)) else ""
        given = f"return _around(model).{getter}({config})" if getter else f"return ...{MARK}: what is sent"
        put = f"_around(model).{setter}(parameters)" if setter else f"...{MARK}: what sets it"
        return [
            f"def _around(model):  # a {name} whose model is this one",
            *_holder(target.value, (getter, setter), EXCHANGE),
            *("", "", "def get_parameters(model):"),
            f"    {given}",
            *("", "", "def set_parameters(model, parameters):"),
            f"    {put}",
        ]
    call = target.value.__name__ if callable(target.value) else target.name
    return [
        "def get_parameters(model):",
        f"    return {call}(model){MARK}: what is sent",
        *("", "", "def set_parameters(model, parameters):"),
        f"    ...{MARK}: what sets it",
    ]


def _holder(owner: type, accessors: tuple[str, str], vocabulary: Vocabulary) -> list[str]:
    """Return the lines that put a model into an instance: by a constructor that takes little more, or without it."""
    arguments = {"model": "model", "device": '"cpu"', "config": "{}"}
    methods = [getattr(owner, name) for name in accessors if name]
    unknown = [each for each in _needed(owner) if vocabulary.role_of(each) not in arguments]
    if not unknown or not methods:
        return _made(owner, vocabulary, arguments, "return")
    read = list(dict.fromkeys(name for method in methods for name in attributes_read(owner, method)))
    lines = [f"    it = object.__new__({owner.__name__})  # without its constructor: what get and set read follows"]
    return [*lines, *_given(read, vocabulary, arguments), "    return it"]


def _names(function: Any) -> list[str]:
    return [each.name for each in _parameters(function)] if callable(function) else []


def _parameters(value: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(value).parameters.values())


def _needed(value: Any) -> list[inspect.Parameter]:
    """Return the parameters without a default."""
    return [each for each in _parameters(value) if each.default is each.empty and each.kind not in COLLECTING]
