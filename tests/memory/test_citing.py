"""A source is named in a word, and what it says is read."""

from collections.abc import Callable

import pytest

from zk0.core.errors import InputError
from zk0.core.project import Project
from zk0.core.receipts import Receipt, ReceiptStore
from zk0.memory.citing import cited
from zk0.memory.entries import Source
from zk0.memory.evidence import Witness, hash_of

type MakeReceipt = Callable[..., Receipt]


def test_the_value_of_a_receipt_is_read(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt(outputs={"results": [{"name": "loss", "value": 0.5}]})
    ReceiptStore(project.runs_dir).save(receipt)
    metric = "outputs.results.0.value"

    source = cited(f"last loss=receipt:{receipt.digest}:{metric}", Witness(project))

    assert source == Source(name="last loss", receipt=receipt.digest, metric=metric, value=0.5)
    assert cited(f"receipt:{receipt.digest}", Witness(project)) == Source(receipt=receipt.digest)


def test_a_setting_is_read_from_pyproject_or_from_the_file_that_is_named(project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")
    (project.root / "w.yaml").write_text("rounds: 3\n")
    evidence = Witness(project)

    assert cited("config:tool.x.mu", evidence) == Source(config="tool.x.mu", value=0.01)
    assert cited("config:w.yaml#rounds", evidence) == Source(config="rounds", file="w.yaml", value=3)


def test_lines_are_cited_with_their_hash(project: Project) -> None:
    evidence = Witness(project)
    (project.root / "a.py").write_text("one\ntwo\nthree\n")

    assert cited("file:a.py:2-3", evidence) == Source(file="a.py", lines=(2, 3), sha256=hash_of(["two", "three"]))
    assert cited("file:a.py:2", evidence).lines == (2, 2)
    assert cited("file:train.py", evidence).sha256 == hash_of(["mu = 0.01"])


def test_a_commit_is_named_in_full_and_a_link_as_it_is(project: Project) -> None:
    evidence = Witness(project)

    assert cited("commit:HEAD", evidence).commit == evidence.head
    assert cited("link:https://arxiv.org/abs/1812.06127", evidence).link == "https://arxiv.org/abs/1812.06127"


@pytest.mark.parametrize(
    "text",
    [
        "0.5",
        "rumour:somebody",
        "receipt:0000000000000000",
        "config:tool.none",
        "config:tool",
        "file:gone.py",
        "file:train.py:2",
        "file:train.py:3-1",
        "file:../outside.py",
        "commit:nope",
        "commit:--help",
    ],
)
def test_what_can_not_be_read_is_refused(text: str, project: Project) -> None:
    (project.root / "pyproject.toml").write_text("[tool.x]\nmu = 0.01\n")
    (project.root.parent / "outside.py").touch()

    with pytest.raises(InputError):
        cited(text, Witness(project))


def test_a_receipt_has_no_value_where_there_is_none(project: Project, make_receipt: MakeReceipt) -> None:
    receipt = make_receipt()
    ReceiptStore(project.runs_dir).save(receipt)

    with pytest.raises(InputError, match="has nothing at"):
        cited(f"receipt:{receipt.digest}:outputs.loss", Witness(project))
    with pytest.raises(InputError, match="no single value"):
        cited(f"receipt:{receipt.digest}:outputs", Witness(project))
