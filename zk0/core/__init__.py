"""The foundation of every other package: errors, verdicts, checks, receipts, the project and its fingerprint."""
