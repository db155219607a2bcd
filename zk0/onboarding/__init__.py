"""Bring zk0 to a project that exists: what it is, read without running it, and what zk0 adds."""
