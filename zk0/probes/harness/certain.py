"""Tell the errors that are the code's own fault, however it is called, from those of the way it was called."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from .errors import HarnessError
from .findings import PointFinding, failed, warned
from .targets import Target, foreign_frames, frames_inside, shown

# Words of PyTorch's messages, with the fault, the cause and the remedy.
AUTOGRAD = (
    (
        "does not require grad and does not have a grad_fn",
        "proximal-detached",
        ".item(), float(), .detach(), .data or no_grad is between the weights and the loss",
        "compute the loss from the parameters themselves, with gradients on",
    ),
    (
        "backward through the graph a second time",
        "proximal-repeated",
        "a sum of an earlier step is added to: its graph is gone after that step's backward",
        "begin each step's sum at 0",
    ),
    (
        "leaf Variable that requires grad",
        "code-raises",
        "weights are changed in place while autograd records",
        "change them under torch.no_grad()",
    ),
    (
        "modified by an inplace operation",
        "code-raises",
        "a tensor that backward needs is changed before backward",
        "change weights after backward, under torch.no_grad()",
    ),
)


class CertainFaultError(HarnessError):
    """The code raises, whatever it is given; `finding` says what and where."""

    def __init__(self, finding: PointFinding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def certain_fault(error: Exception, target: Target) -> PointFinding | None:
    """Return a finding for an error that no other arguments would prevent; None where the call may be the reason."""
    frames = list(frames_inside(foreign_frames(error), target.root))
    if not frames:
        return None
    place = f"{shown(Path(frames[-1].filename), target.root)}:{frames[-1].lineno}"
    text = " ".join(str(error).split())[:200]
    message = f"your code raises {type(error).__name__} at {place}: {text}"
    for words, fault, cause, remedy in AUTOGRAD:
        if isinstance(error, RuntimeError) and words in text:
            return failed(message, fault, cause, remedy, {"line": frames[-1].line})
    if isinstance(error, NameError) and _is_never_set(error, Path(frames[-1].filename)):
        cause = "a name is used that nothing defines"
        return failed(message, "code-raises", cause, "define or import it", {"line": frames[-1].line})
    return None


def fault_of_get(error: Exception, target: Target) -> PointFinding | None:
    """Return a finding for a get that fails for every model that is trained."""
    if not isinstance(error, RuntimeError) or "numpy() on Tensor that requires grad" not in str(error):
        return None
    frames = list(frames_inside(foreign_frames(error), target.root))
    place = f" at {shown(Path(frames[-1].filename), target.root)}:{frames[-1].lineno}" if frames else ""
    return failed(
        f"get raises for every model that is trained{place}: {error}",
        "code-raises",
        "a trained parameter has a gradient, and NumPy's arrays have none",
        "value.detach().cpu().numpy(), or go over state_dict(), whose tensors are detached",
    )


def note_of_import(target: Target) -> Iterator[tuple[str, PointFinding]]:
    """Yield the finding of a file whose import ends in an error, after the lines that are judged."""
    if target.import_error is not None:
        yield (
            "import",
            warned(
                f"the import of its file ends in {target.import_error}; what is defined before that is judged",
                "code-raises",
                "the file works when it is imported: it reads data or begins to train",
                'put that work under if __name__ == "__main__":',
            ),
        )


def _is_never_set(error: NameError, file: Path) -> bool:
    """Return whether no line of a file gives the name a value; a script's main block may, where it is run as one."""
    if isinstance(error, UnboundLocalError):
        return True
    name = str(error).split("'")[1] if "'" in str(error) else ""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return False
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    return bool(name) and name not in stored | imported and "*" not in imported


def raised_by_target(error: BaseException, root: Path) -> bool:
    """Return whether an error was raised by foreign code or what that called, not by zk0's own code."""
    from .targets import OURS

    last = inspect.getinnerframes(error.__traceback__)[-1] if error.__traceback__ else None
    if last is None or last.filename.startswith(OURS):
        return False
    return bool(list(frames_inside(foreign_frames(error), root)))
