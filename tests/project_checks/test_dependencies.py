import subprocess
import sys

import pytest

HEAD = '[project]\nname = "small"\nrequires-python = "{python}"\nlicense = "Apache-2.0"\ndependencies = [{needs}]\n'


def write(small, *needs: str, python: str = ">=3.12", code: str = "", **files: str):
    text = HEAD.format(python=python, needs=", ".join(f'"{need}"' for need in needs))
    return small.write({"pyproject.toml": text, "small/__init__.py": code, **files}).commit()


def test_a_python_that_the_project_does_not_allow_fails(small):
    assert write(small).verdicts("dependencies.python") == {"pass"}
    assert write(small, python="<3").verdicts("dependencies.python") == {"fail"}


def test_a_missing_package_and_a_wrong_version_fail_by_name(small):
    write(small, "pydantic>=2", "numpy<1", "no-such-package-here")

    told = [finding.message for finding in small.ask("dependencies.installed")]

    assert told[0].startswith("not installed: no-such-package-here")
    assert told[1].startswith("numpy is ")
    assert write(small, "pydantic>=2").verdicts("dependencies.installed") == {"pass"}


def test_an_import_that_nothing_declares_is_found_with_its_line(small):
    write(small, "pydantic", code="import json\nimport pydantic_core\nimport yaml_of_nobody\nfrom . import x\n")

    [finding] = small.ask("dependencies.declared")

    assert (finding.verdict, finding.at) == ("fail", "small/__init__.py:3")


def test_modules_are_looked_up_in_the_project_s_interpreter(small):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", small.root / ".venv"], check=True)
    [site] = (small.root / ".venv").glob("lib/python*/site-packages")
    for package, module in (("eyes-of-robot", "eyesx"), ("hands-of-robot", "handsx")):
        info = site / f"{package.replace('-', '_')}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        (info / "RECORD").write_text(f"{module}/__init__.py,,\n")

    write(small, "eyes-of-robot", code="import eyesx\n")
    assert small.verdicts("dependencies.declared") == {"pass"}
    write(small, "eyes-of-robot", "nobody-has-this", code="import eyesx\nimport nothing_known\n")
    [finding] = small.ask("dependencies.declared")
    assert (finding.verdict, "nobody-has-this is not installed" in finding.message) == ("not-available", True)
    write(small, "eyes-of-robot", "nobody-has-this", code="import handsx\n")
    [finding] = small.ask("dependencies.declared")
    assert (finding.verdict, finding.at) == ("fail", "small/__init__.py:1")


@pytest.mark.parametrize(
    ("pins", "verdict"), [("", "fail"), ("pydantic==0.1\n", "fail"), ("pydantic=={installed}\n", "pass")]
)
def test_pins_have_to_be_there_and_be_what_is_installed(small, pins, verdict):
    import pydantic

    files = {"constraints.txt": pins.format(installed=pydantic.VERSION)} if pins else {}
    assert write(small, "pydantic", **files).verdicts("dependencies.pinned") == {verdict}


def test_a_lock_of_uv_is_read_too(small):
    import pydantic

    lock = f'[[package]]\nname = "pydantic"\nversion = "{pydantic.VERSION}"\n'
    assert write(small, "pydantic", **{"uv.lock": lock}).verdicts("dependencies.pinned") == {"pass"}


def test_a_project_without_a_licence_may_be_used_by_nobody(small):
    assert write(small, "pydantic").verdicts("dependencies.licences") == {"fail"}
    small.write({"LICENSE": "Permission is granted to use this. " * 10})
    assert small.verdicts("dependencies.licences") == {"pass"}
    (small.root / "LICENSE").unlink()

    small.write({"pyproject.toml": '[project]\nname = "small"\ndependencies = []\n'})
    assert small.verdicts("dependencies.licences") == {"fail"}


def test_requirements_txt_declares_where_pyproject_does_not(small):
    small.write({"pyproject.toml": "", "requirements.txt": "# ours\npydantic>=2\n-r other.txt\n"})

    assert small.verdicts("dependencies.installed") == {"pass"}


def test_the_packages_are_those_beside_the_projects_code(small):
    from zk0.core.interpreters import BIN

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", small.root / ".venv"], check=True)
    write(small, "pydantic")

    [finding] = small.ask("dependencies.installed")

    assert finding.message == "not installed: pydantic"
    assert f".venv/{BIN}/python -e ." in finding.remedy
