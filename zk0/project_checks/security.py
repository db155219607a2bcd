"""Security: no call that runs its input, and weights in a format that holds numbers only (`security.*`)."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, report_problems
from zk0.project_checks.sources import library
from zk0.project_checks.tools import ask_ruff

# exec; pickle, marshal, mktemp, eval and yaml.load; shell=True and calls that start a shell
RULES = ("S102", "S301", "S302", "S306", "S307", "S506", "S602", "S604", "S605")
UNPICKLE = "it runs what the file holds"
MAKE_OBJECTS = "it makes any object that the text names"
BANNED = {  # Ruff has no rule for these
    "joblib.load": UNPICKLE,
    "yaml.full_load": MAKE_OBJECTS,
    "yaml.full_load_all": MAKE_OBJECTS,
    "yaml.unsafe_load": MAKE_OBJECTS,
    "yaml.unsafe_load_all": MAKE_OBJECTS,
}
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")


@check("security.calls", reads=(Part.code,))
def calls(project: Project) -> Iterator[Finding]:
    """No call runs its input as code: eval, shells, pickle, unsafe YAML."""
    code = library(project)
    problems = ask_ruff(project, code, RULES, banned=BANNED)
    # Ruff does not look at the weights_only of torch.load; no other function has such a parameter.
    problems += [
        Problem(module.at(call), "torch.load with weights_only=False runs what the file holds")
        for module in code
        for call in module.walk(ast.Call)
        if any(word.arg == "weights_only" and ast.unparse(word.value) == "False" for word in call.keywords)
    ]
    return report_problems(problems, "no such call", remedy="read data as data: json, safetensors, argv lists")


@check("security.weights", reads=(Part.runs,))
def weights(project: Project) -> Iterator[Finding]:
    """The weights that runs kept are whole safetensors files, and none is a pickle."""
    folder = project.runs_dir
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (*PICKLED, ".safetensors")]
    if not files:
        raise AssetMissingError("no run has kept weights yet", remedy="zk0 run train")
    problems = []
    for path in files:
        name = path.relative_to(project.root).as_posix()
        if path.suffix in PICKLED:
            problems.append(Problem(name, "is a pickle: loading it runs it"))
        elif reason := _broken(path):
            problems.append(Problem(name, reason))
    return report_problems(problems, f"{len(files)} files of safetensors", remedy="save with safetensors")


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
