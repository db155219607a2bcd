"""What everything else rests on: errors, verdicts, checks, receipts, the project and its fingerprint."""
