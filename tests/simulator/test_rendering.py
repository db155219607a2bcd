import subprocess
import sys

import pytest

from zk0.core.errors import RenderingError
from zk0.simulator import rendering


def run(program: str) -> str:
    """Run a program in a fresh process without MUJOCO_GL; return what it prints."""
    begin = "import os; os.environ.pop('MUJOCO_GL', None)\n"
    return subprocess.run(
        [sys.executable, "-c", begin + program], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_way_that_works_is_chosen_before_mujoco_is_imported() -> None:
    chosen = run(
        "import sys; from zk0.simulator import rendering; way = rendering.prepare();"
        "print(way, os.environ['MUJOCO_GL'], 'mujoco' in sys.modules)"
    )

    assert chosen in ("egl egl False", "osmesa osmesa False")


def test_what_the_user_chose_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "osmesa")

    assert rendering.prepare() == "osmesa"


def test_where_nothing_renders_the_debian_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "BACKENDS", ("disabled",))  # a way of MuJoCo's that really renders nothing
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    rendering._working_backend.cache_clear()

    with pytest.raises(RenderingError, match="no way to render") as caught:
        rendering.prepare()

    assert "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri" in str(caught.value.remedy)
    assert "libosmesa6" in str(caught.value.remedy)


def test_a_choice_that_does_not_render_is_named_with_its_reason() -> None:
    told = run(
        """
os.environ["MUJOCO_GL"] = "disabled"
from zk0.core.errors import RenderingError
from zk0.simulator.environment import Simulation
from zk0.simulator.tasks import task
try:
    Simulation(task("lift-left"))
except RenderingError as error:
    print(error.message, "/", error.remedy)
"""
    )

    assert told.startswith("MUJOCO_GL=disabled does not render here: AttributeError")
    assert told.endswith("/ unset MUJOCO_GL")


def test_another_error_is_not_blamed_on_rendering() -> None:
    rendering.prepare()

    rendering.raise_if_not_rendering(ValueError("something else"))


def test_mujoco_imported_too_early_is_told() -> None:
    told = run(
        """
import mujoco
from zk0.core.errors import RenderingError
from zk0.simulator import rendering
try:
    rendering.prepare()
except RenderingError as error:
    print(error.message, "/", error.remedy)
"""
    )

    assert told.startswith("mujoco was imported before zk0 could choose")
    assert told.endswith("/ export MUJOCO_GL=egl")
