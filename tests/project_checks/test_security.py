import json
import pickle
import struct

import pytest

from zk0.core.errors import AssetMissingError


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ("", "eval(x)"),
        ("import os", "os.system(x)"),
        ("from os import system", "system(x)"),
        ("import os as o", "o.popen(x)"),
        ("import pickle", "pickle.loads(x)"),
        ("from pickle import loads as read", "read(x)"),
        ("import yaml", "yaml.load(x)"),
        ("from yaml import Loader, load", "load(x, Loader=Loader)"),
        ("import yaml", "yaml.full_load(x)"),
        ("import joblib as j", "j.load(x)"),
        ("import torch", "torch.load(x, weights_only=False)"),
        ("from torch import load", "load(x, weights_only=False)"),
        ("", "run(x, shell=True)"),
        ("import os", "os.system(x)  # noqa: S605"),
        ("from numpy import load", "load(x, allow_pickle=1)"),
        ("import dill", "dill.loads(x)"),
        ("from subprocess import getoutput", "getoutput(x)"),
        ("", "run(x, shell=1)"),
    ],
)
def test_a_call_that_runs_what_it_is_given_is_found_however_it_is_spelled(small, given, call):
    small.write({"small/a.py": f"{given}\ny = {call}\n"})

    found = {(str(one.verdict), one.at) for one in small.ask("security.calls")}
    assert found & {("fail", "small/a.py:1"), ("fail", "small/a.py:2")}


def test_calls_that_read_data_as_data_pass(small):
    imports = "import torch\nimport yaml\nfrom ast import literal_eval\nfrom subprocess import run\n"
    calls = "yaml.load(x, Loader=yaml.SafeLoader)\ntorch.load(x)\nliteral_eval(x)\nrun([x])\nmodel.eval()\n"
    small.write({"small/a.py": imports + calls})

    assert small.verdicts("security.calls") == {"pass"}


def tensors(cut: int = 0) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return (struct.pack("<Q", len(header)) + header + bytes(8))[: -cut or None]


def test_weights_are_whole_safetensors_and_no_pickles(small):
    folder = small.root / ".zk0" / "runs" / "r"
    folder.mkdir(parents=True)
    with pytest.raises(AssetMissingError, match="kept weights"):
        small.ask("security.weights")

    (folder / "model.safetensors").write_bytes(tensors())
    assert small.verdicts("security.weights") == {"pass"}

    (folder / "model.safetensors").write_bytes(tensors(cut=3))
    (folder / "model.pt").touch()
    assert [finding.message.partition(":")[0] for finding in small.ask("security.weights")] == [
        "is a pickle",
        "is cut off, or has more bytes than its header names",
    ]


@pytest.mark.parametrize("name", ["model.weights", "model.safetensor", "data/model"])
def test_a_pickle_is_known_by_its_content(small, name):
    folder = small.root / ".zk0" / "runs" / "r"
    (folder / "data").mkdir(parents=True)
    (folder / "good.safetensors").write_bytes(tensors())
    (folder / name).write_bytes(pickle.dumps({"w": [1.0]}))

    assert [finding.at for finding in small.ask("security.weights")] == [f".zk0/runs/r/{name}"]


def test_weights_of_an_own_app_are_those_that_its_run_kept(small, receipt):
    small.write({"pyproject.toml": "[tool.flwr.app.components]\nserverapp = 'a:b'\nclientapp = 'a:c'\n"})
    with pytest.raises(AssetMissingError, match="no run has kept"):
        small.ask("security.weights")
    receipt(small, uses="app.run")
    [folder] = [path.parent for path in small.project.runs_dir.glob("*/receipts")]
    made = folder / "steps" / "app" / "files"
    made.mkdir(parents=True)
    (made / "w.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    receipt(small, uses="app.run", step="app")

    assert small.verdicts("security.weights") == {"pass"}
