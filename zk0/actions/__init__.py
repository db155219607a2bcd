"""The actions of workflows, one module for each noun: each translates between a step and a capability."""
