import pytest

from zk0.core.errors import AssetMissingError

CONFIG = "[tool.flwr.app.config]\nrounds = 3\nmu = 0.1\n"


def test_without_a_tag_there_is_nothing_to_compare_with(small):
    small.write({"small/__init__.py": ""}).commit()

    for check in ("compatibility.api", "compatibility.configuration"):
        with pytest.raises(AssetMissingError, match="tagged"):
            small.ask(check)


def test_a_key_that_is_gone_or_of_another_type_breaks_old_configurations(small):
    small.write({"pyproject.toml": CONFIG}).commit(tag="v1")
    small.write({"pyproject.toml": CONFIG.replace("0.1", "1") + "new = 1\n"}).commit()
    assert small.verdicts("compatibility.configuration") == {"pass"}

    small.write({"pyproject.toml": '[tool.flwr.app.config]\nmu = "strong"\n'})
    told = [finding.message for finding in small.ask("compatibility.configuration")]
    assert told == ["mu was 0.1 and is 'strong', of another type", "rounds is gone since v1"]


def test_an_interface_that_lost_a_parameter_broke(small):
    pytest.importorskip("griffe")
    code = '"""It."""\n\ndef train(rounds, mu=0.1):\n    """Train."""\n'
    small.write({"small/__init__.py": code}).commit(tag="v1")
    small.write({"small/__init__.py": f"{code}\ndef more():\n    pass\n"}).commit()
    assert small.verdicts("compatibility.api") == {"pass"}

    small.write({"small/__init__.py": code.replace(", mu=0.1", "")})
    [finding] = small.ask("compatibility.api")
    assert finding.verdict == "fail"
    assert finding.message.startswith("small.train")


def test_a_tag_on_this_very_commit_is_nothing_to_compare_with(small):
    small.write({"pyproject.toml": CONFIG, "small/__init__.py": ""}).commit(tag="v1")

    for check in ("compatibility.api", "compatibility.configuration"):
        with pytest.raises(AssetMissingError, match="v1 is this commit"):
            small.ask(check)


def test_comparing_interfaces_leaves_the_repository_as_it_is(small, monkeypatch):
    pytest.importorskip("griffe")
    (small.root / ".gitattributes").write_text("*.bin filter=lfs-that-is-not-here\n")
    small.write({"src/small/__init__.py": "def f(a): ...\n"}).commit(tag="v1")
    small.write({"src/small/__init__.py": "def f(): ...\n"}).commit()
    before = small.git("for-each-ref"), small.git("worktree", "list")
    monkeypatch.chdir(small.root / "src")  # griffe would take the package of the working directory for both

    assert small.verdicts("compatibility.api") == {"fail"}
    assert (small.git("for-each-ref"), small.git("worktree", "list")) == before
