"""Checklists whose boxes are derived from receipts: items, evaluation, rendering, and a recorder that follows a run."""
