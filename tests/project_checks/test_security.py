import json
import struct

import pytest

from zk0.core.errors import AssetMissingError


@pytest.mark.parametrize(
    "call",
    [
        "eval(x)",
        "os.system(x)",
        "pickle.loads(x)",
        "yaml.load(x)",
        "torch.load(x, weights_only=False)",
        "run(x, shell=True)",
    ],
)
def test_a_call_that_runs_what_it_is_given_is_found(small, call):
    small.write({"small/a.py": f"y = {call}\n"})

    assert [(str(one.verdict), one.at) for one in small.ask("security.calls")] == [("fail", "small/a.py:1")]


def test_calls_that_read_data_as_data_pass(small):
    small.write({"small/a.py": "yaml.load(x, Loader=yaml.SafeLoader)\ntorch.load(x)\nliteral_eval(x)\nrun([x])\n"})

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
        "is cut off, or has more bytes than it tells of",
    ]
