"""Checklists: what is read, what is decided, what is shown."""
