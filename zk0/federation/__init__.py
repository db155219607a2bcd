"""Flower: one ServerApp and one ClientApp, run unchanged by every engine."""

import os

# Flower reads these when it is imported: no telemetry, and no wait for Flower's servers at every start without a
# network. To enable them, set the variables first.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
