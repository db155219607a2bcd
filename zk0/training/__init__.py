"""SmolVLA on one client: its policy, its data, the proximal term, the loop and the evaluation.

Nothing is imported here: LeRobot's SmolVLA costs about 13 seconds, so each module is imported where it is needed.
"""
