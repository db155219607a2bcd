"""SO-101 in MuJoCo: tasks, a scripted expert, a recorder of LeRobot data sets, and rollouts of policies.

Importing any of it is cheap; MuJoCo and LeRobot are imported by the first simulation and the first recording.
"""
