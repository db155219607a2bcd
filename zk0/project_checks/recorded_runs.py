"""The receipts and data sets of the last runs."""

from collections.abc import Iterator
from pathlib import Path

from zk0.core.app_subject import declares_own, first_run, is_about_zk0, require_app
from zk0.core.errors import AssetMissingError
from zk0.core.portable_paths import to_local
from zk0.core.project import Project, cache_dir
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.workflow.integrity import RecordReader


def receipts_of(project: Project, action: str) -> list[Receipt]:
    """Return the receipts of steps that used an action, newest first.

    The newest decides. Where the records of its run do not agree, no older one takes its place.

    Raises:
        AssetMissingError: there is none, its run was altered, or it is about zk0's app and the project has another.
        UnknownNameError: a receipt was changed since it was written.
    """
    if is_about_zk0(action):
        require_app(project)
    found = [receipt for receipt in ReceiptStore(project.runs_dir).all() if receipt.uses == action]
    if not found:
        raise AssetMissingError(f"no run has used {action} yet", remedy=first_run(project))
    newest, *older = sorted(found, key=lambda receipt: receipt.order, reverse=True)
    records = RecordReader(project)
    if reason := records.complaint(newest.run):
        raise AssetMissingError(reason, remedy=first_run(project))
    return [newest, *(one for one in older if records.complaint(one.run) is None)]


def training_receipts(project: Project) -> list[Receipt]:
    """Return the receipts of the steps that trained with the project's app, newest first.

    Raises what `receipts_of` does.
    """
    return receipts_of(project, "app.run" if declares_own(project) else "federation.run")


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
        raise AssetMissingError("no data set of the last run is on this machine", remedy=first_run(project))
    yield from there
