"""Security: no call that runs its input, and weights in a format that holds numbers only (`security.*`)."""

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from zk0.core.app_subject import declares_own, first_run, require_app
from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.receipts import ReceiptStore
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library
from zk0.project_checks.tools import ask_ruff

# exec; pickle, marshal, mktemp, eval and yaml.load; shell=True and calls that start a shell
RULES = ("S102", "S301", "S302", "S306", "S307", "S506", "S602", "S604", "S605")
UNPICKLE = "it runs what the file holds"
RUN = "it runs a text"
SHELL = "it starts a shell"
MAKE_OBJECTS = "it makes any object that the text names"
BANNED = {  # Ruff has no rule for these
    "builtins.eval": RUN,
    "builtins.exec": RUN,
    "cloudpickle": UNPICKLE,
    "dill": UNPICKLE,
    "joblib.load": UNPICKLE,
    "marshal": UNPICKLE,
    "os.popen": SHELL,
    "os.system": SHELL,
    "pandas.read_pickle": UNPICKLE,
    "pickle": UNPICKLE,
    "shelve": UNPICKLE,
    "subprocess.getoutput": SHELL,
    "subprocess.getstatusoutput": SHELL,
    "yaml.full_load": MAKE_OBJECTS,
    "yaml.full_load_all": MAKE_OBJECTS,
    "yaml.unsafe_load": MAKE_OBJECTS,
    "yaml.unsafe_load_all": MAKE_OBJECTS,
}
UNSAFE = {"weights_only": False, "allow_pickle": True}
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
PROTOCOL = re.compile(rb"\x80[\x02-\x05]")  # what a pickle begins with, since protocol 2
ZIP = b"PK\x03\x04"  # torch.save writes one, with a pickle in it


@check("security.calls", reads=(Part.code,))
def calls(project: Project) -> Iterator[Finding]:
    """No call runs its input as code: eval, shells, pickle, unsafe YAML."""
    code = library(project)
    problems = ask_ruff(project, code, RULES, banned=BANNED)
    # Ruff does not look at these parameters, of torch.load and numpy.load; no other function has them.
    problems += [
        Problem(module.at(call), f"{word.arg}={ast.unparse(word.value)} lets a file run what it holds")
        for module in code
        for call in module.walk(ast.Call)
        for word in call.keywords
        if word.arg in UNSAFE and isinstance(word.value, ast.Constant) and bool(word.value.value) is UNSAFE[word.arg]
    ]
    return report_problems(problems, "no such call", remedy="read data as data: json, safetensors, argv lists")


@check("security.weights", reads=(Part.runs, Part.code))
def weights(project: Project) -> Iterator[Finding]:
    """Runs kept weights as whole safetensors, and no file of runs or project is a pickle, whatever its name."""
    own = declares_own(project)
    if not own:
        require_app(project)
    files = [path for folder in _folders_of(project, own=own) for path in folder.rglob("*") if path.is_file()]
    tensors = [path for path in files if path.suffix == ".safetensors"]
    problems = [Problem(project.shown(path), reason) for path in tensors if (reason := _broken(path))]
    everything = {*files, *(path for name in project.tree().files if (path := project.root / name).is_file())}
    pickles = sorted(path for path in everything if path.suffix in PICKLED or _is_pickle(path))
    problems += [Problem(project.shown(path), "is a pickle: loading it runs it") for path in pickles]
    if not tensors and not problems:
        raise AssetMissingError("no run has kept weights yet", remedy=first_run(project))
    return report_problems(problems, f"{len(tensors)} files of safetensors", remedy="save with safetensors")


def _folders_of(project: Project, *, own: bool) -> Iterator[Path]:
    """Yield the folders of the runs, or of the steps that ran the project's own app."""
    if not own:
        yield project.runs_dir
        return
    for receipt in ReceiptStore(project.runs_dir).all():
        if receipt.uses == "app.run":
            yield project.runs_dir / receipt.run / "steps" / receipt.step


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(4)
    if head == ZIP:
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(".pkl") for name in archive.namelist())
        except zipfile.BadZipFile:
            return False
    return bool(PROTOCOL.match(head))


def _broken(path: Path) -> str | None:
    """Return what is wrong with a safetensors file: a length, a JSON header, and the bytes that the header names."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= size - 8:
            return "is cut off in its header"
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            return "has no safetensors header"
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return None if 8 + length + max(ends, default=0) == size else "is cut off, or has more bytes than its header names"
