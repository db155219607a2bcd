"""The receipts and data sets of the last runs."""

from collections.abc import Iterator
from pathlib import Path

from zk0.core.app_subject import is_about_zk0, require_app
from zk0.core.errors import AssetMissingError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project, cache_dir
from zk0.core.receipts import Receipt, ReceiptStore


def receipts_of(project: Project, action: str) -> list[Receipt]:
    """Return the receipts of steps that used an action, newest first.

    Raises:
        AssetMissingError: there is none, or it is about zk0's own app, which is not this project's.
        UnknownNameError: a receipt was changed since it was written.
    """
    if is_about_zk0(action):
        require_app(project)
    found = [receipt for receipt in ReceiptStore(project.runs_dir).all() if receipt.uses == action]
    if not found:
        raise AssetMissingError(f"no run has used {action} yet", remedy="zk0 run train")
    return sorted(found, key=lambda receipt: receipt.order, reverse=True)


def data_folders(project: Project) -> Iterator[tuple[str, Path]]:
    """Yield name and folder of the data sets of the last run that prepared some; `sim:` ones are in the cache.

    Raises:
        AssetMissingError: none has, or no data set is on this machine.
    """
    outputs = to_local(receipts_of(project, "data.prepare")[0].outputs, project.root)
    sources = [part for part in f"{outputs.get('data', '')};{outputs.get('unseen', '')}".split(";") if part]
    episodes = {str(one["name"]): one["episodes"] for one in outputs.get("sets", ())}
    folders = []
    for name, _, source in (part.rpartition("=") for part in sources):
        task = source.removeprefix("sim:")
        if task == source:
            folders.append((name or Path(source).name, Path(source)))
        else:
            pattern = f"recordings/{task}-{episodes.get(name or task, '*')}x*"
            made = sorted(cache_dir().glob(pattern), key=lambda path: path.stat().st_mtime)
            folders += [(name or task, path) for path in made[-1:]]
    there = [(name, folder) for name, folder in folders if (folder / "meta" / "info.json").is_file()]
    if not there:
        raise AssetMissingError("no data set of the last run is on this machine", remedy="zk0 run train")
    yield from there
