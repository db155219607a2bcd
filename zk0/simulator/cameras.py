"""The two cameras of every client: one at the wrist, one above the table, fast to render on a CPU.

Both have the same place in all tasks and episodes, as if bolted to every table: clients differ in their tasks, not in
their cameras.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mujoco
    from so101_nexus.config import RenderConfig
    from so101_nexus.mujoco.base_env import SO101NexusMuJoCoBaseEnv
    from so101_nexus.observations import CameraObservation

CAMERAS = ("wrist", "overhead")
DEFAULT_IMAGE_SIZE = 96  # pixels; a SmolVLA of tiny size sees 64

# Above the table's far edge, looking back at the robot: from straight above, the resting arm hides what lies beside
# its jaw. so101-nexus would also centre it on each task's spawn region: every client would see its object in the
# middle, and a place in the image would mean nothing.
OVERHEAD_LOOKAT = (0.18, 0.0, 0.02)  # metres
OVERHEAD_AZIMUTH = 180.0  # degrees; towards the robot
OVERHEAD_ELEVATION = -60.0  # degrees
OVERHEAD_DISTANCE = 0.8  # metres; far, with a narrow view, so that a length is about the same number of pixels anywhere
OVERHEAD_FIELD = 25.0  # degrees; 35 cm of the table

# so101-nexus moves the wrist camera by up to 15° and 1 cm in every episode. A few demonstrations can't teach a small
# policy to undo that, so it stays in the middle of that range.
WRIST_FIELD = 75.0  # degrees
WRIST_PITCH = -17.0  # degrees

# so101-nexus's table is an infinite plane, which MuJoCo draws as 80,000 triangles: 14 ms of two cameras' 16. Light is
# computed at corners, so a few larger tiles look almost the same.
TABLE = (1.0, 1.0, 0.1)  # metres: half its length and width, and the side of a tile; physics knows no edge
FACETS = (14, 8, 1)  # slices and stacks of a round thing, and tiles along a box's side

ROBOT_RGBA = (0.25, 0.25, 0.28, 1.0)  # the collision shapes of the fingers are red by default, like an object
VISUAL_GROUP, COLLISION_GROUP, HIDDEN_GROUP = 2, 3, 5  # Menagerie's convention; groups above 2 are not drawn


def camera_observations(size: int) -> "list[CameraObservation]":
    """Return so101-nexus's descriptions of both cameras, `size` pixels wide and high."""
    from so101_nexus.observations import OverheadCamera, WristCamera

    wrist = WristCamera(
        width=size,
        height=size,
        fov_deg_range=(WRIST_FIELD, WRIST_FIELD),
        pitch_deg_range=(WRIST_PITCH, WRIST_PITCH),
        pos_x_noise=0.0,
        pos_y_noise=0.0,
        pos_z_noise=0.0,
    )
    return [wrist, OverheadCamera(width=size, height=size)]


def fast_rendering() -> "RenderConfig":
    """Return a render configuration without shadows and smooth edges.

    On a CPU they need several times as long as the rest of a frame, and 96 pixels don't show them.
    """
    from so101_nexus.config import RenderConfig
    from so101_nexus.rendering import RenderingQuality

    return RenderConfig(quality=RenderingQuality(msaa_samples=0, shadows=False, shadow_map_size=1))


def show_collision_shapes(model: "mujoco.MjModel") -> None:
    """Draw the robot's collision shapes instead of its meshes.

    The meshes have 348,000 faces and need 40 ms per image on a CPU, the shapes 3 ms; at 96 pixels both show a robot.
    """
    meshes, shapes = model.geom_group == VISUAL_GROUP, model.geom_group == COLLISION_GROUP
    model.geom_group[meshes] = HIDDEN_GROUP
    model.geom_group[shapes] = VISUAL_GROUP
    model.geom_rgba[shapes] = ROBOT_RGBA


def draw_fewer_triangles(model: "mujoco.MjModel") -> None:
    """Draw a table with edges and round things with few facets; for a model that no renderer has loaded yet."""
    model.geom_size[model.geom("floor").id] = TABLE
    quality = model.vis.quality
    quality.numslices, quality.numstacks, quality.numquads = FACETS


def aim_overhead_camera(robot: "SO101NexusMuJoCoBaseEnv") -> None:
    """Move the overhead camera of a so101-nexus environment to its place for all tasks."""
    camera = robot._overhead_obs_cam  # noqa: SLF001  so101-nexus has no public way to place it
    camera.lookat[:] = OVERHEAD_LOOKAT
    camera.azimuth, camera.elevation, camera.distance = OVERHEAD_AZIMUTH, OVERHEAD_ELEVATION, OVERHEAD_DISTANCE
    robot.model.vis.global_.fovy = OVERHEAD_FIELD  # MuJoCo reads a free camera's field of view here
