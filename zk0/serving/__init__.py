"""Serve a trained policy: choose and verify its checkpoint, run LeRobot's policy server, and write its model card."""
