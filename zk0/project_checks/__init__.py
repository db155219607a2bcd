"""Checks of a project: its code, documents, history, environment, runs and memory; one module for each noun.

They work on any Python project: tools are found by their configuration, packages by their files. A check that lacks
what it would look at says so (`not-available`); it never passes for want of evidence. Each module is found through the
entry points `zk0.checks`, as other distributions' checks are.
"""
