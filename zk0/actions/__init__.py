"""The verbs of workflows, one module a noun: each translates between a step and a capability."""
