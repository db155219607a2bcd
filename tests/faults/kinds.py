"""What a kind of fault is, and the catalogue that the injectors register themselves in."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from zk0.core.faults import Fault
from zk0.federation.configuration import resolve

from .federation import Inject, Values

type Injector = Callable[[pytest.MonkeyPatch, Values], None]

KINDS: dict[str, "Kind"] = {}


@dataclass(frozen=True)
class Kind:
    """One way to break a run: what is wrong, in the catalogue's word, and how it is put into the parts."""

    name: str
    fault: Fault
    inject: Inject
    story: str


def first_client(values: Values) -> str:
    """Return the name of the client that faults of a single client are put into."""
    return resolve(values).clients[0][0]


def kind(name: str, fault: Fault) -> Callable[[Injector], Injector]:
    """Register an injector under a name, with the fault that a diagnosis is to name; its docstring is the story."""

    def register(inject: Injector) -> Injector:
        KINDS[name] = Kind(name, fault, inject, (inject.__doc__ or "").strip())
        return inject

    return register
