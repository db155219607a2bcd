"""Flower: one ServerApp and one ClientApp, run unchanged by every engine."""

import os

# Flower reads these when it is imported. A robot project's runs are nobody else's business, and where there is no
# network Flower would wait for its servers at every start. Who wants them sets them before.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
