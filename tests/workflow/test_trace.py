"""A trace says what a program really opened: undeclared files refuse reuse, and if there are none, only those count."""

from pathlib import Path

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.verdicts import Verdict
from zk0.workflow import trace
from zk0.workflow.reuse import explanation
from zk0.workflow.trace import Opened, tracer

pytestmark = pytest.mark.skipif(tracer() is None, reason="strace is not here, or may not trace")


@pytest.fixture
def files(project):
    root = project.root
    for name in ("lib.py", "other.py", "c.json", "README.md", "sub/in.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x = 1\n")
    (root / "main.py").write_text("import lib\n")
    return root


def step(command: str, reads: str = "", makes: str = "", rest: str = "") -> str:
    declared = f"reuse: true, trace: true, reads: [{reads}], makes: [{makes}]"
    return f"- {{id: a, title: A, {declared}, run: {command}{rest}}}\n"


def why(outcome):
    return explanation(outcome.state.step("a"))


def finding(outcome):
    return next(found for found in outcome.state.step("a").receipt.findings if found.check == "trace")


def test_with_all_declared_an_unrelated_file_changes_nothing_and_a_declared_one_does(run, files):
    steps = step("[python3, main.py]", reads="lib.py")
    first = run(steps)
    assert finding(first).verdict is Verdict.passed

    (files / "other.py").write_text("x = 2\n")
    (files / "README.md").write_text("changed\n")
    assert why(run(steps)).endswith(
        f"equal those of run {first.directory.id}, whose trace shows that it opens nothing else"
    )

    (files / "lib.py").write_text("x = 2\n")
    assert why(run(steps)).startswith("a ran because the content of lib.py changed since run")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("[python3, main.py]", "lib.py"),
        ("[sh, -c, 'cat c.js*']", "c.json"),
        ("[sh, -c, 'cd sub; cat ../c.js*']", "c.json"),
        ("[sh, -c, 'for n in 1 2 3 4; do cat c.js* & done; wait']", "c.json"),
        ("[sh, -c, 'test -f c.js*']", "c.json"),
        ("[sh, -c, 'n=c; echo 2 >> $n.json']", "c.json"),
        ("[sh, -c, 'n=new; echo 2 > $n.tmp; mv $n.tmp $n.csv']", "new.csv"),
        ("[find, ., -name, x]", ".zk0"),
    ],
)
def test_an_undeclared_file_is_named_and_refuses_reuse(run, files, command, named):
    first = run(step(command))

    assert finding(first).verdict is Verdict.warned
    assert named in [evidence.value for evidence in finding(first).evidence]
    assert first.exit_status is ExitStatus.done
    assert why(run(step(command))).startswith("a ran because it opened files that it does not declare")


def test_the_programs_of_checks_are_traced_too(run, files):
    outcome = run(step("['true']", rest=", checks: [run: [sh, -c, 'cat c.js*']]"))

    assert [evidence.value for evidence in finding(outcome).evidence] == ["c.json"]


def test_what_it_looked_for_in_vain_or_listed_counts(run, files):
    looks = step("[sh, -c, 'n=local; test -f $n.cfg || true']")
    run(looks)
    (files / "local.cfg").touch()
    assert "local.cfg appeared" in why(run(looks))

    lists = step("[sh, -c, 'd=s; ls ${d}ub']")
    run(lists)
    (files / "sub" / "more.txt").touch()
    assert "the names in sub changed" in why(run(lists))


def test_temporary_files_and_declared_products_are_its_own(run, files):
    steps = step("[sh, -c, 'n=x; mkdir $n; echo 1 > $n/t; cp $n/t $n.csv; rm -r $n']", makes="x.csv")
    run(steps)

    assert why(run(steps)).startswith("a reused")


def test_a_program_that_it_starts_counts(run, files, tmp_path_factory):
    tools = tmp_path_factory.mktemp("tools")
    (tools / "tool").write_text("#!/bin/sh\n")
    (tools / "tool").chmod(0o755)
    steps = step(f"[sh, -c, 'n=tool; {tools.parent}/{tools.name[:4]}*/$n']")
    run(steps)
    assert why(run(steps)).startswith("a reused")

    (tools / "tool").write_text("#!/bin/sh\nexit 0\n")

    assert f"the program {tools}/tool changed" in why(run(steps))


def test_without_strace_the_whole_project_counts(run, files, monkeypatch):
    monkeypatch.setattr(trace, "tracer", lambda: None)
    steps = step("[cat, c.json]")
    first = run(steps)
    assert finding(first).verdict is Verdict.not_available
    assert first.exit_status is ExitStatus.done
    assert why(run(steps)).startswith("a reused")

    (files / "other.py").write_text("x = 2\n")

    assert "files of the project changed" in why(run(steps))


def test_a_program_ends_as_it_does_without_a_trace(run, files):
    failed = run(step("[sh, -c, 'exit 3']"))
    missing = run(step("[no-such-program]"))

    assert "ended with exit status 3" in failed.state.step("a").receipt.failure.message
    assert missing.exit_status is ExitStatus.missing


def test_lines_of_several_processes_and_names_with_escapes_are_read():
    lines = [
        '7 execve("/bin/sh", ["sh", "-c", "x"], 0x7f /* 3 vars */) = 0',
        '7 openat(AT_FDCWD</p>, "a \\303\\274\\"b", O_RDONLY <unfinished ...>',
        '8 openat(AT_FDCWD</p>, "out", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</p/out>',
        "7 <... openat resumed>)               = 3</p/a \\303\\274>",
        '8 access("gone", R_OK)               = -1 ENOENT (No such file or directory)',
        '8 newfstatat(1</p/.zk0/log>, "", {st_mode=S_IFREG|0644, ...}, AT_EMPTY_PATH) = 0',
    ]
    opened = Opened()

    opened.add(lines, Path("/p"))

    assert opened.read == {"/bin/sh", '/p/a ü"b'}
    assert (opened.written, opened.absent, opened.started) == ({"/p/out"}, {"/p/gone"}, {"/bin/sh"})
