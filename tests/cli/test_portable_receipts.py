"""Receipts that travel hold no path of this machine, and a run still finds its files again when it goes on."""

import json
import re
from pathlib import Path

STEPS = """\
  - id: make
    title: Make
    run: [python, -c, "{make}"]
    outputs: {{where: path, said: string}}
  - id: take
    title: Take
    run: [python, -c, "import sys; print(open(sys.argv[1]).read()); open('go')", "{{{{ steps.make.outputs.where }}}}"]
"""
MAKE = (
    "import json, os, pathlib; p = pathlib.Path('made.txt').resolve(); p.write_text('42');"
    " json.dump({'where': str(p), 'said': 'see ' + str(p)}, open(os.environ['ZK0_OUTPUT'], 'w'))"
)


def test_a_run_goes_on_with_the_paths_of_its_receipts(program, write):
    write("travel", STEPS.format(make=MAKE))
    assert program("run", "travel").returncode == 1
    [run] = [path for path in (program.root / ".zk0" / "runs").iterdir() if path.is_dir()]
    texts = [path.read_text() for path in (run / "receipts").iterdir()]
    (program.root / "go").touch()

    resumed = program("resume", "latest")
    only = program("run", "travel", "--only", "take")

    assert (resumed.returncode, only.returncode) == (0, 0)
    assert "42" in program("logs", "latest", "take").stdout
    receipt = json.loads((run / "receipts" / "make.json").read_text())
    assert (receipt["outputs"]["where"], receipt["outputs"]["said"]) == ("made.txt", "see ./made.txt")
    assert texts
    texts += [path.read_text() for path in (run / "receipts").iterdir()]
    texts += [path.read_text() for path in (program.root / "memory-bank" / "evidence").iterdir()]
    for text in texts:
        assert str(program.root) not in text
        assert str(Path.home()) + "/" not in text
        assert not re.search(r'"/(home|Users)/', text)
