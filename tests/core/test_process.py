import sys

import pytest

from zk0.core.errors import CommandError, DependencyMissingError
from zk0.core.process import find_program, run_program


def test_a_program_is_found_run_and_read(tmp_path):
    ended = run_program(
        sys.executable, "-c", "import os; print(os.environ['X']); raise SystemExit(3)", cwd=tmp_path, env={"X": "1"}
    )

    assert (ended.status, ended.out, ended.err) == (3, "1\n", "")
    assert find_program("git")


def test_a_program_that_is_missing_or_hangs_is_an_error(tmp_path):
    with pytest.raises(DependencyMissingError, match="no-such-program"):
        run_program("no-such-program", cwd=tmp_path)
    with pytest.raises(CommandError, match="did not end within"):
        run_program(sys.executable, "-c", "import time; time.sleep(9)", cwd=tmp_path, seconds=0.3)
