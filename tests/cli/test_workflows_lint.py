"""`zk0 workflows lint --json` over files that are wrong in every way there is: each rule has its case and its place."""

import json
import re
from collections import defaultdict
from pathlib import Path

from zk0.core.errors import ExitStatus

ROOT = Path(__file__).parents[2]
BAD = ROOT / "tests" / "resources" / "bad"
EXPECTED = re.compile(r"# expect: ([a-z, -]+)$")
RULE = re.compile(r'"((?:yaml|bad|unknown|missing|duplicate|wrong|misplaced|spliced|secret)-[a-z-]+)"')
OWN_TYPES = re.compile(r"OWN_TYPES = \((.*?)\)", re.DOTALL)


def expected() -> dict[str, list[tuple[int, str]]]:
    found = defaultdict(list)
    for path in BAD.glob("*.y*ml"):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := EXPECTED.search(line):
                found[path.name] += [(number, rule.strip()) for rule in match[1].split(",")]
    return {name: sorted(rules) for name, rules in found.items()}


def test_each_file_s_problems_are_told_with_rule_and_line(command, write):
    write("broken", "  - {id: a, title: A, run: b}\n")
    files = [str(path) for path in sorted(BAD.glob("*.y*ml"))]

    status, out, _ = command("workflows", "lint", "--json", *files)

    told = defaultdict(list)
    for problem in json.loads(out)["data"]["problems"]:
        told[Path(problem["file"]).name].append((problem["line"], problem["rule"]))
        assert problem["column"] >= 1
        assert problem["message"]
    assert status == ExitStatus.wrong_request
    assert {name: sorted(rules) for name, rules in told.items()} == expected()


def test_each_rule_has_a_case_and_stands_in_the_documentation():
    section = (ROOT / "docs" / "workflows.md").read_text().partition("## What lint finds")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {rule for row in rows for rule in re.findall(r"`([a-z-]+)`", row)}
    cases = {rule for rules in expected().values() for _, rule in rules}
    sources = "\n".join(path.read_text() for path in (ROOT / "zk0" / "workflow").glob("*.py"))
    own = re.findall(r'"(\w+)"', OWN_TYPES.search(sources)[1])

    assert cases == documented
    assert {*RULE.findall(sources), *(f"bad-{name.replace('_', '-')}" for name in own)} <= documented
