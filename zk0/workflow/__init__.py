"""A workflow file and its execution: spec → plan → engine → receipts. It knows nothing of robots."""
