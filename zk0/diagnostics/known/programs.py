"""Simulators, rendering, processes: MuJoCo, EGL, multiprocessing."""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

ROWS = (
    known(
        "physx-buffer",
        r"PxgDynamicsMemoryConfig|foundLost\w+Capacity",
        "a buffer of the simulator PhysX is too small for this scene: contacts are lost, and states become wrong or NaN",
        "raise the capacity that the line names (sim.physx.gpu_…_capacity), or simulate fewer environments",
        "",
    ),
    known(
        "egl-device",
        r"PLATFORM_DEVICE extension|Cannot initialize a EGL device display|EGLError|eglQueryDevices|failed to EGL with glad|EGL_NOT_INITIALIZED",
        "no EGL driver for rendering without a display: none is installed, or the container has no graphics libraries",
        "MUJOCO_GL=osmesa renders on the CPU; for EGL install libegl1 and give the container NVIDIA's graphics capability",
        "Farama-Foundation/Gymnasium#726",
    ),
    known(
        "gl-context",
        r"gladLoadGL|Failed to initialize OpenGL|GLFWError|OpenGL platform library has not been loaded|X11: The DISPLAY",
        "MuJoCo opened no window or context: there is no display",
        "set MUJOCO_GL=egl (or osmesa) before mujoco is imported",
        "google-deepmind/mujoco#2458",
    ),
    known(
        "mujoco-model",
        r"XML Error|mj_loadXML|mujoco\.FatalError|Error opening file",
        "MuJoCo can't read the model: a mistake in the XML, or a mesh that is not where the XML says",
        "the message names file and line; check meshdir and the working folder",
        "",
    ),
    known(
        "mujoco-unstable",
        r"Nan, Inf or huge value in Q(?:ACC|POS|VEL)|simulation is unstable",
        "the simulated motion blew up: a time step too long for the forces, or bodies inside each other",
        "halve the time step, and look at what touches at that time",
        "",
    ),
    known(
        "environment-missing",
        r"NameNotFound: Environment|NamespaceNotFound|gymnasium\.error\.\w+NotFound|Environment `?\S+`? doesn't exist",
        "the environment's package is not installed, or nobody imported it",
        "install and import the package that registers it (lerobot extras: pip install 'lerobot[pusht]')",
        "",
    ),
    known(
        "loader-worker-died",
        r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) (?:exited unexpectedly|is killed by signal)",
        "a worker of the data loader died without saying why: a crash in a decoder, or the memory",
        "run once with num_workers=0: the error then shows where it happens",
        "FoNDUE-HTR/Documentation#13",
    ),
    known(
        "spawn-guard",
        r"before the current process has finished its bootstrapping phase|freeze_support",
        "the program starts processes while it is imported",
        'put what starts them behind if __name__ == "__main__":',
        "pytorch/pytorch#17041",
    ),
    known(
        "pickle-local",
        r"[Cc]an't pickle|cannot pickle|PicklingError|Can't get attribute",
        "something that can't be sent to another process is in what is sent: a lambda, a lock, a local class",
        "define it at the top of a module, or num_workers=0",
        "",
    ),
    known(
        "open-files",
        r"Too many open files|Errno 24\b",
        "more files are open than one process may have: workers that each hold every video open",
        "ulimit -n 65536, fewer workers, or torch.multiprocessing.set_sharing_strategy('file_system')",
        "",
    ),
    known(
        "serial-port",
        r"SerialException|could not open port|DeviceNotConnectedError|There is no status packet|ReadTimeoutError.*camera",
        "the robot, or a camera, does not answer",
        "check cable, power and port (lerobot-find-port), and your right to open it (group dialout)",
        "",
    ),
    known(
        "recursion",
        r"RecursionError|maximum recursion depth exceeded",
        "a function calls itself without an end",
        "the frames that repeat in the traceback are the ones to read",
        "",
    ),
    known(
        "interrupted",
        r"^KeyboardInterrupt|SignalException|SIGTERM",
        "a person or a scheduler stopped it",
        "resume from the last checkpoint",
        "",
        Fault.killed,
    ),
)
