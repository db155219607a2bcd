"""Ledger in, findings out: pure functions, one module a family."""
