"""SmolVLA on one client: policy, data, proximal term, training loop and evaluation.

Nothing is imported here: LeRobot's SmolVLA costs about 13 seconds, so each module is imported where it is needed.
"""
