"""What a project declares of its own Flower app in `[tool.flwr.app]`: read, never executed.

A value is given to an app only under a key that its configuration already has, as `flwr run --run-config` demands; what
it calls its rounds, its mu and its seed is looked up among the names that Flower's own examples and baselines use.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from zk0.core.app_subject import COMPONENTS, declares_own
from zk0.core.errors import ConfigurationError, InputError
from zk0.core.project import FLOWER_CONFIG, Project, table_of

CLIENTS = 2  # Flower's own number of SuperNodes in a simulation, since 1.32
# The last part of a key, with `-` for `_`; of several names the first that the configuration has.
ROUNDS = ("num-server-rounds", "num-rounds", "server-rounds", "n-rounds", "rounds")
MU = ("proximal-mu", "fedprox-mu", "prox-mu", "mu")
SEED = ("seed", "random-seed", "rng-seed")

type Value = bool | int | float | str


@dataclass(frozen=True)
class OwnApp:
    """A project's own app: `module:name` of server and client, its configuration by flat keys, its SuperNodes."""

    serverapp: str
    clientapp: str
    config: Mapping[str, Value]
    clients: int = CLIENTS

    def key_of(self, names: Sequence[str]) -> str | None:
        """Return the one key of the configuration with the first of these names that it has; None where none has."""
        for name in names:
            found = [key for key in self.config if key.rpartition(".")[2].replace("_", "-") == name]
            if found:
                return found[0] if len(found) == 1 else None
        return None


def own_app(project: Project) -> OwnApp | None:
    """Return a project's own app; None where it declares none, or zk0's.

    Raises:
        ConfigurationError: it names a server without a client, or the reverse.
    """
    if not declares_own(project):
        return None
    named = table_of(project.pyproject, *COMPONENTS)
    for kind in ("serverapp", "clientapp"):
        if ":" not in str(named.get(kind, "")):
            raise ConfigurationError(
                f"[tool.flwr.app.components] of {project.name} names no {kind}",
                remedy=f'{kind} = "package.module:app"',
            )
    config = dict(flat(table_of(project.pyproject, *FLOWER_CONFIG)))
    return OwnApp(str(named["serverapp"]), str(named["clientapp"]), config, _clients(project))


def settings_for(
    app: OwnApp, *, rounds: int | None, mu: float | None, seed: int | None, given: Sequence[str]
) -> tuple[dict[str, Value], list[str]]:
    """Return what to change of an app's configuration, and what was asked for that it has no key for.

    Args:
        app: the app.
        rounds: federated rounds; None leaves them to the app, and so for the others.
        mu: strength of FedProx's proximal term.
        seed: of its random numbers.
        given: `KEY=VALUE` of the configuration, each value as in TOML.

    Raises:
        InputError: the configuration has no such key, or another type of value.
    """
    changed: dict[str, Value] = {}
    left_out = []
    asked: tuple[tuple[str, Sequence[str], Value | None], ...] = (
        ("rounds", ROUNDS, rounds),
        ("mu", MU, mu),
        ("seed", SEED, seed),
    )
    for what, names, value in asked:
        if value is None:
            continue
        key = app.key_of(names)
        if key is None:
            left_out.append(f"{what}={value}: its configuration has no one key named {' or '.join(names)}")
        else:
            changed[key] = value
    return changed | dict(_parsed(app, text) for text in given), left_out


def _parsed(app: OwnApp, text: str) -> tuple[str, Value]:
    key, _, written = text.partition("=")
    key = key.strip()
    if key not in app.config:
        near = get_close_matches(key, app.config, n=1)
        known = f"did you mean {near[0]}?" if near else f"its keys are {', '.join(app.config) or 'none'}"
        raise InputError(f"the app's configuration has no key {key!r}", remedy=known)
    try:
        value = tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        value = written.strip()  # a bare word is a text, as everybody writes it in a shell
    before = app.config[key]
    if type(before) is float and type(value) is int:
        value = float(value)
    if type(value) is not type(before):
        raise InputError(
            f"{key} is {before!r} in the app's configuration, and {value!r} is no {type(before).__name__}",
            remedy=f"give a value of its type: {key}={before}",
        )
    return key, value


def flat(table: Mapping[str, object], above: str = "") -> Iterator[tuple[str, Value]]:
    """Yield the keys as Flower flattens them: a table's name, a dot and the key."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        elif isinstance(value, bool | int | float | str):
            yield f"{above}{key}", value


def _clients(project: Project) -> int:
    """Return the SuperNodes of the federation that `flwr run` used by default, where pyproject.toml still names one."""
    federations = table_of(project.pyproject, "tool", "flwr", "federations")
    chosen = federations.get(str(federations.get("default", "")))
    options = table_of(chosen, "options") if isinstance(chosen, Mapping) else {}
    number = options.get("num-supernodes")
    return number if isinstance(number, int) and number > 0 else CLIENTS
