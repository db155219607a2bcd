"""All kinds of fault: importing the modules registers them."""

from . import data, exchange, proximal, training
from .kinds import KINDS, Kind

__all__ = ["KINDS", "Kind", "data", "exchange", "proximal", "training"]
