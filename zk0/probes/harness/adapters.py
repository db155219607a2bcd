"""Write an adapter: a small file that calls a target under a convention zk0 knows, with what is unknown left open.

What a parameter's name tells is filled in. The rest are lines that end in the mark, for a person or an agent who knows
the code: one for each unknown argument, or, for a method of a class that is hard to make, one for its attributes.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from .adapter_conventions import AGGREGATION_ARGUMENTS, CONVENTION, MARK, PROXIMAL_ARGUMENTS, STRATEGY_ARGUMENTS
from .adapter_globals import global_lines
from .adapter_instances import (
    DATA_WORDS,
    argument,
    attribute_lines,
    bare_lines,
    given_to,
    instance_lines,
    made_lines,
    needed_of,
    parameters,
    unknown_lines,
)
from .adapter_replies import reply_lines
from .adapter_settings import settings_lines
from .attributes import attributes_read
from .binding import Vocabulary, signature_text
from .errors import TargetError
from .replies import AGGREGATION
from .strategies import is_strategy
from .targets import Target, find_target, refuse_value


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
        body = ["def probe():", *made_lines(target.value, AGGREGATION, STRATEGY_ARGUMENTS, "return")]
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
    lines = "line" if open_lines == 1 else f"{open_lines} lines"
    todo = f"Complete the {lines} marked <--, then" if open_lines else "Correct the call, then"
    head = (
        f'"""Lets zk0 call {target.name}{signature} at {target.at}. {todo}: zk0 probe {command} THIS_FILE{colon}.\n\n'
    )
    named = "config" in code or "SimpleNamespace" in code  # settings that are read as attributes
    names = "from types import SimpleNamespace\n\n" if named else ""
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
        lines += instance_lines(target.owner, value, vocabulary, arguments)
        method = f"it.{value.__name__}"
    elif inspect.isclass(value):
        name = next((name for name in ("fit", "train", "forward", "__call__", "step") if name in vars(value)), None)
        if name is None:
            raise TargetError(f"{target.text} is a class: name the method, as {target.text}.method")
        lines += instance_lines(value, getattr(value, name), vocabulary, arguments)
        method, value = f"it.{name}", getattr(value, name)
        if name == "fit":  # what the server sends a client, as Flower hands it over
            arguments = {**arguments, "parameters": "[value.numpy().copy() for value in model.state_dict().values()]"}
    elif not callable(value):
        raise refuse_value(target, "nothing to call")
    skip = 1 if method else 0
    needed = given_to(value, vocabulary, arguments)[skip:]
    opened = reply_lines(value, needed, vocabulary) if vocabulary is AGGREGATION else {}
    lines += opened.values()
    lines += unknown_lines([each for each in needed if each.name not in opened], vocabulary, arguments)
    values = {each.name: argument(each, vocabulary, arguments) for each in needed} | {name: name for name in opened}
    given = ", ".join(f"{name}={each}" for name, each in values.items())
    lines += [f"    return {method or value.__name__}({given})"]
    made = "object.__new__" not in "".join(lines)
    owner = target.owner or (target.value if inspect.isclass(target.value) else None)
    path = value.__name__ if owner is None else f"{owner.__name__}.{value.__name__}"
    lines[1:1] = [
        *settings_lines(value, owner, vocabulary, arguments, made=made),
        *global_lines(value, path, vocabulary, arguments),
    ]
    if any("= global_model" in line or "=global_model" in line for line in lines):
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
    unknown = [each for each in needed_of(owner) if vocabulary.role_of(each) not in arguments]
    if not unknown or not methods:
        return made_lines(owner, vocabulary, arguments, "return")
    read = list(dict.fromkeys(name for method in methods for name in attributes_read(owner, method)))
    lines = bare_lines(owner, "what get and set read follows")
    return [*lines, *attribute_lines(read, vocabulary, arguments), "    return it"]


def _names(function: Any) -> list[str]:
    return [each.name for each in parameters(function)] if callable(function) else []
