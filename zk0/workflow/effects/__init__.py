"""All that an engine can do to the world, in one object that is handed to it.

`LiveEffects` does it. `DryEffects` is the same engine's other hands, which can do nothing: they hold no process, no
file and no action, so a dry run is harmless by construction and not by care.
"""

from zk0.workflow.effects.dry import DryEffects
from zk0.workflow.effects.live import LiveEffects
from zk0.workflow.effects.protocol import Effects

__all__ = ["DryEffects", "Effects", "LiveEffects"]
