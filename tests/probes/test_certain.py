"""Errors that are the code's own, however it is called, are findings; so is a file that works when it is imported."""

from zk0.core.verdicts import Verdict
from zk0.probes.judging import judge

PAIR = """\
class Client:
    def __init__(self, model):
        self.model = model

    def get_parameters(self):
        return [value{detach}.cpu().numpy().copy() for value in self.model.state_dict(keep_vars=True).values()]

    def set_parameters(self, parameters):
        state = zip(self.model.state_dict(), parameters)
        self.model.load_state_dict({{name: torch.tensor(value) for name, value in state}}, strict=True)
"""
START = "\n\nclient = Client(model=open('weights.pt'))\n"


def points(tmp_path, source):
    (tmp_path / "client.py").write_text("import torch\n\n\n" + source)
    return {each.check.rpartition(".")[2]: each for each in judge("exchange", "client.py:Client", tmp_path)}


def test_a_get_that_fails_for_every_trained_model_is_a_fault(tmp_path):
    found = points(tmp_path, PAIR.format(detach=""))

    assert [(name, each.fault) for name, each in found.items()] == [("runs", "code-raises")]
    assert "client.py:9" in found["runs"].message


def test_a_file_that_works_when_it_is_imported_is_judged_by_what_it_defines_before(tmp_path):
    found = points(tmp_path, PAIR.format(detach=".detach()") + START)

    assert found["round-trip"].verdict is Verdict.passed
    assert found["import"].verdict is Verdict.warned
    assert "FileNotFoundError" in found["import"].message
