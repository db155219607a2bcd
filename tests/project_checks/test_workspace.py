import subprocess
import sys


def test_the_root_directory_is_the_place_to_run_commands_in(small, monkeypatch):
    monkeypatch.chdir(small.root)
    assert small.verdicts("workspace.root") == {"pass"}

    (small.root / "sub").mkdir()
    monkeypatch.chdir(small.root / "sub")
    [finding] = small.ask("workspace.root")

    assert finding.verdict == "fail"
    assert finding.remedy == f"cd {small.root}"


def test_the_system_s_python_is_no_environment_of_its_own(small, monkeypatch):
    assert small.verdicts("workspace.environment") == {"pass"}

    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.delenv("CONDA_DEFAULT_ENV", raising=False)
    assert small.verdicts("workspace.environment") == {"fail"}

    monkeypatch.setenv("CONDA_DEFAULT_ENV", "zk0")
    assert "conda environment zk0" in small.ask("workspace.environment")[0].message


def test_the_environment_is_that_of_the_projects_code(small):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", small.root / ".venv"], check=True)

    [finding] = small.ask("workspace.environment")

    assert finding.message == "the virtual environment .venv"


def test_tools_that_are_not_configured_are_warned_of_and_missing_ones_fail(small):
    assert [finding.verdict for finding in small.ask("workspace.tools")] == ["warn"] * 4 + ["pass"]

    tables = "".join(f"[tool.{name}]\n" for name in ("ruff", "pyright", "pytest"))
    small.write({"pyproject.toml": tables})
    found = {finding.message.split()[-1]: str(finding.verdict) for finding in small.ask("workspace.tools")}

    assert found["ruff"] == "pass"
    assert small.ask("workspace.tools")[2].message == "the type checker pyright is configured and not installed"
