"""Security: no call that runs what it is given, and weights in a format that holds numbers only."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from zk0.core.checks import Part, check
from zk0.core.errors import AssetMissingError
from zk0.core.project import Project
from zk0.core.verdicts import Finding
from zk0.project_checks.problems import Problem, found
from zk0.project_checks.sources import library, name_of

RUNS_TEXT = frozenset({"eval", "exec", "os.system", "os.popen", "commands.getoutput"})
RUNS_DATA = frozenset({"pickle.load", "pickle.loads", "marshal.load", "marshal.loads", "dill.load", "joblib.load"})
UNSAFE_YAML = frozenset({"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"})
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")


@check("security.calls", reads=(Part.code,))
def calls(project: Project) -> Iterator[Finding]:
    """No call runs text or data that it is given: eval, shells, pickle, unsafe YAML."""
    problems = []
    for module in library(project):
        dangers = [(module.at(call), _danger(call)) for call in module.walk(ast.Call)]
        problems += [Problem(at, reason) for at, reason in dangers if reason]
    yield from found(problems, good="no such call", remedy="read data as data: json, safetensors, argv lists")


@check("security.weights", reads=(Part.runs,))
def weights(project: Project) -> Iterator[Finding]:
    """The weights that runs kept are safetensors that can be read whole, and none is a pickle."""
    folder = project.runs_dir
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (*PICKLED, ".safetensors")]
    if not files:
        raise AssetMissingError("no run has kept weights yet", remedy="zk0 run train")
    problems = []
    for path in files:
        name = path.relative_to(project.root).as_posix()
        if path.suffix in PICKLED:
            problems.append(Problem(name, "is a pickle: whoever loads it runs it"))
        elif reason := _broken(path):
            problems.append(Problem(name, reason))
    yield from found(problems, good=f"{len(files)} files of safetensors", remedy="save with safetensors")


def _danger(call: ast.Call) -> str | None:
    name = name_of(call.func)
    words = {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}
    if name in RUNS_TEXT or name in RUNS_DATA:
        return f"{name} runs what it is given"
    if name in UNSAFE_YAML and "Safe" not in " ".join([*map(ast.unparse, call.args[1:]), *words.values()]):
        return f"{name} makes any object that the text names"
    if name == "torch.load" and words.get("weights_only") == "False":
        return "torch.load with weights_only=False runs what the file holds"
    if words.get("shell") == "True":
        return f"{name} with shell=True hands its text to a shell"
    return "tempfile.mktemp names a file that others may make first" if name == "tempfile.mktemp" else None


def _broken(path: Path) -> str | None:
    """Say why a file is not what the safetensors format says: a length, a JSON header, and the bytes it tells of."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= size - 8:
            return "is cut off in its header"
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            return "has no header of safetensors"
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return None if 8 + length + max(ends, default=0) == size else "is cut off, or has more bytes than it tells of"
