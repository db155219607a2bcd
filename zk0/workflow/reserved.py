"""Names that stand for something in every workflow."""

ON_FAIL = "on-fail"  # under a step's path, the workflow that repairs it; no step of a file can have this name
PROGRAM = "run"  # as a check: a program that must end with exit status 0
