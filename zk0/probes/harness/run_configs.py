"""The run configuration that a Flower project declares for its apps, as Flower hands it to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .targets import Target

MU_NAMES = ("proximal_mu", "proximal-mu", "mu", "prox_mu", "fedprox_mu", "fedprox-mu")


def run_config_of(target: Target, mu: float | None = None) -> dict[str, Any]:
    """Return `[tool.flwr.app.config]` of the nearest pyproject.toml, flat; `mu` replaces the strength in it."""
    folders = [target.folder, *target.folder.parents]
    inside = folders[: folders.index(target.root) + 1] if target.root in folders else [target.root]
    file = next((folder / "pyproject.toml" for folder in inside if _declares(folder / "pyproject.toml")), None)
    config = {} if file is None else _flat(_config_in(file))
    if mu is None:
        return config
    return {name: mu if name.rpartition(".")[2] in MU_NAMES else value for name, value in config.items()}


def _declares(file: Path) -> bool:
    return file.is_file() and "tool.flwr.app" in file.read_text(encoding="utf-8")


def _config_in(file: Path) -> dict[str, Any]:
    try:
        import tomllib as reader
    except ImportError:  # Python before 3.11
        import tomli as reader  # type: ignore[no-redef]  # Flower needs it there

    tool = reader.loads(file.read_text(encoding="utf-8")).get("tool", {})
    return tool.get("flwr", {}).get("app", {}).get("config", {})  # type: ignore[no-any-return]


def _flat(config: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested tables as `table.key`, as Flower does."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{above}{key}."))
        elif isinstance(value, (bool, int, float, str)):
            flat[f"{above}{key}"] = value
    return flat
