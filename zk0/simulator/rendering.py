"""Find a way to render without a screen, before MuJoCo is imported.

MuJoCo reads MUJOCO_GL once, when it is first imported, and after a failed attempt the process cannot try another
backend (PyOpenGL keeps the platform it was loaded with). So each backend is tried in a process of its own, which
renders one real frame: half a second, once per process tree, since children inherit the variable. EGL comes first: it
uses a GPU if there is one; without one, Mesa draws the same pixels through EGL and OSMesa.
"""

import os
import subprocess
import sys
from functools import cache

from zk0.core.errors import RenderingError

VARIABLE = "MUJOCO_GL"
BACKENDS = ("egl", "osmesa")
REMEDY = "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri    (or: apt-get install libosmesa6)"

TRIAL_SECONDS = 60  # a cold disk takes 5 s to import MuJoCo; a driver that hangs never ends
TRIAL = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><light/><geom size='1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 8, 8)
renderer.update_scene(data)
if not renderer.render().any():
    raise SystemExit("the frame is black")
renderer.close()
"""


def prepare() -> str:
    """Set MUJOCO_GL to a working backend, unless it is set already; return its value.

    Raises:
        RenderingError: neither EGL nor OSMesa renders a frame; or MuJoCo was imported before, without MUJOCO_GL.
    """
    if chosen := os.environ.get(VARIABLE):
        return chosen  # not tried here; if it fails, `raise_if_not_rendering` explains it
    if "mujoco" in sys.modules:
        raise RenderingError(
            f"mujoco was imported before zk0 could choose how to render, and {VARIABLE} was not set",
            remedy=f"export {VARIABLE}=egl",
        )
    os.environ[VARIABLE] = _working_backend()
    return os.environ[VARIABLE]


def raise_if_not_rendering(error: Exception) -> None:
    """Test the backend after an error in building an environment, and blame it if it does not work.

    Raises:
        RenderingError: the backend does not render on this machine.
    """
    backend = os.environ.get(VARIABLE, "")
    if failure := _failure(backend):
        raise RenderingError(
            f"{VARIABLE}={backend} does not render here: {failure}", remedy=f"unset {VARIABLE}"
        ) from error


@cache
def _working_backend() -> str:
    failures = {}
    for backend in BACKENDS:
        failures[backend] = _failure(backend)
        if failures[backend] is None:
            return backend
    reasons = "; ".join(f"{backend}: {failure}" for backend, failure in failures.items())
    raise RenderingError(f"MuJoCo finds no way to render without a screen ({reasons})", remedy=REMEDY)


def _failure(backend: str) -> str | None:
    """Return in one line why this backend cannot render a frame, None if it can."""
    environment = {**os.environ, VARIABLE: backend}
    environment.pop("PYOPENGL_PLATFORM", None)  # an import of MuJoCo sets it, which excludes other backends
    try:
        program = [sys.executable, "-c", TRIAL]
        trial = subprocess.run(  # noqa: S603  our own program
            program, env=environment, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no frame in {TRIAL_SECONDS} s"
    if trial.returncode == 0:
        return None
    lines = trial.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {trial.returncode}"
