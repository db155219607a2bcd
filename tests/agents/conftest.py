"""A project on the disk and the real program in it, as the tests of the command line have them."""

from cli.conftest import command, program, write

__all__ = ["command", "program", "write"]
