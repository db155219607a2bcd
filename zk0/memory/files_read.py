"""The files of the project that a run read, where traces show that there are no others.

An edit of another file leaves the result of such a run fresh. It is known where each step runs a program, is checked by
programs only, and has `trace: true` with a trace that found nothing undeclared. A file that is added or removed counts
always: the program may look for it, or list its folder.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from zk0.core.portable_paths import to_local
from zk0.core.project import Project
from zk0.core.receipts import Receipt
from zk0.core.verdicts import Verdict
from zk0.workflow.dependencies import Dependencies, Place
from zk0.workflow.names import workflow_files
from zk0.workflow.patterns import argument_texts
from zk0.workflow.reserved import PROGRAM
from zk0.workflow.spec import RunStep, WorkflowSpec
from zk0.workflow.trace import TRACE

MOST = 100  # files that an entry names; a run that read more holds for all code


def files_read(project: Project, spec: WorkflowSpec, receipts: Mapping[str, Receipt]) -> tuple[str, ...]:
    """Return the files that a run read, relative to the root; none where that is not known."""
    if not receipts or not all(_is_seen(spec, receipt) for receipt in receipts.values()):
        return ()
    dependencies, files = Dependencies(project), project.tree().files
    own = workflow_files(project).get(spec.name)
    paths = {own} if own else set[Path]()
    for receipt in receipts.values():
        paths |= set(_named_by(receipt, dependencies, project.root))
    found = {name for path in paths for name in _below(project.shown(path), files)}
    return tuple(sorted(found)) if 0 < len(found) <= MOST else ()


def _is_seen(spec: WorkflowSpec, receipt: Receipt) -> bool:
    """Whether a trace shows all that a step read."""
    step = next((one for one in spec.steps if one.id == receipt.step), None)
    if not isinstance(step, RunStep) or not step.trace or any(check.id != PROGRAM for check in step.checks):
        return False
    traced = [finding.verdict for finding in receipt.findings if finding.check == TRACE]
    return traced == [Verdict.passed]


def _named_by(receipt: Receipt, dependencies: Dependencies, root: Path) -> Iterable[Path]:
    """Return what a step's `reads` match and its arguments name, as `ProgramTrace` takes them for declared."""
    inputs = to_local(receipt.inputs, root)
    place = Place((root / inputs.get("cwd", "."), root), words=True)
    yield from dependencies.matched(argument_texts(inputs.get("reads", ())))
    texts = [*argument_texts(inputs.get("argv", ())), *inputs.get("env", {}).values()]
    for text in texts:
        yield from (path for path, _ in dependencies.compared_files(str(text), place))


def _below(name: str, files: Collection[str]) -> list[str]:
    return [file for file in files if file == name or file.startswith(f"{name}/")]
