"""A service goes on while later steps run, and no longer than its workflow."""

import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.process_tree import process_entry
from zk0.workflow.engine import Engine
from zk0.workflow.live_effects import LiveEffects

SERVER = """\
import http.server, os, sys, time
open("pid", "a").write(f"{os.getpid()}\\n")
time.sleep(float(os.environ.get("DELAY", "0")))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(7)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("serving", flush=True)
server.serve_forever()
"""
CLIENT = """\
import sys, urllib.request
print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/{sys.argv[2]}", timeout=5).read().decode())
"""


@pytest.fixture
def port(project):
    """Write a server and a client into the project, and return a port that is free."""
    (project.root / "server.py").write_text(SERVER)
    (project.root / "client.py").write_text(CLIENT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    yield number
    for pid in served(project):
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def served(project):
    path = project.root / "pid"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def lives(pid):
    entry = process_entry(pid)
    return entry is not None and not entry.is_zombie


def web(port, more="", ready=None):
    ready = f"{{port: {port}}}" if ready is None else ready
    return (
        f"- {{id: web, title: Web, run: [{sys.executable}, server.py, {port}], service: true, ready: {ready}{more}}}\n"
    )


def ask(port, path="index", name="ask", more=""):
    return f"- {{id: {name}, title: Ask, run: [{sys.executable}, client.py, {port}, {path}]{more}}}\n"


@pytest.mark.parametrize("ready", [None, "{log: '^serv.ng$'}", "{{run: [{python}, client.py, {port}, x]}}"])
def test_a_service_is_there_for_later_steps_and_ends_with_the_run(run, project, port, ready):
    text = ready if ready is None or "log" in ready else ready.format(python=sys.executable, port=port)

    outcome = run(web(port, ready=text) + ask(port))

    assert outcome.exit_status is ExitStatus.done
    assert outcome.directory.log("ask").read_text() == "served\n"
    assert outcome.state.step("web").receipt.outputs["pid"] == served(project)[0]
    assert outcome.state.step("web").receipt.findings == ()
    assert not lives(served(project)[0])


def test_what_a_service_needs_may_come_from_an_earlier_step(run, project, port):
    (project.root / "port.json").write_text(f'{{"port": {port}}}')
    program = "[sh, -c, 'cp port.json $ZK0_OUTPUT']"
    choose = f"- {{id: choose, title: Choose, run: {program}, outputs: {{port: integer}}}}\n"
    chosen = "'{{ steps.choose.outputs.port }}'"

    outcome = run(choose + web(chosen, ready=f"{{port: {chosen}}}") + ask(chosen))

    assert outcome.exit_status is ExitStatus.done
    assert outcome.directory.log("ask").read_text() == "served\n"


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (", timeout: 0.5s, env: {DELAY: '60'}", "ZK105", "did not get ready within"),
        (", env: {DELAY: never}", "ZK104", "ended with exit status 1 before it was ready"),
    ],
)
def test_a_service_that_does_not_get_ready_fails_its_step(run, project, port, more, code, words):
    outcome = run(web(port, more) + ask(port))

    failure = outcome.state.step("web").receipt.failure
    assert failure.code == code
    assert words in failure.message
    assert outcome.state.step("ask").verdict == "not-available"
    assert not any(map(lives, served(project)))


def test_a_port_that_another_program_has_shows_nothing(run, port):
    with socket.create_server(("127.0.0.1", port)):
        outcome = run(web(port) + ask(port))

    assert f"port {port} is in use" in outcome.state.step("web").receipt.failure.message


def test_a_service_that_dies_is_named_by_the_next_step_and_by_those_that_fail(run, port):
    steps = web(port) + ask(port, "die", "kill", ", retry: {attempts: 1}")
    steps += "- {id: other, title: Other, needs: [], run: ['true']}\n" + ask(port, more=", needs: [web]")

    outcome = run(steps)

    messages = {
        step.id: [finding.message.partition(", see")[0] for finding in step.receipt.findings]
        for step in outcome.state.steps
    }
    died = ["service web ended with exit status 7 while the run went on"]
    assert messages == {"web": [], "kill": died, "other": [], "ask": died}


def test_a_service_is_not_in_the_way_of_other_steps_and_their_leftovers(run, project, port):
    leave = "- {id: leave, title: Leave, run: [sh, -c, 'env -i setsid sleep 60 & sleep 0.1']}\n"

    outcome = run(web(port) + leave + ask(port))

    assert outcome.exit_status is ExitStatus.done
    assert [finding.verdict for finding in outcome.state.step("leave").receipt.findings] == ["warn"]


def test_a_run_that_waits_has_no_service_and_starts_it_again_when_it_goes_on(project, make_plan, port):
    steps = (
        web(port)
        + ask(port)
        + "- {id: fix, title: Fix, ask: agent, instruction: B, accept: [run: [test, -e, done]]}\n"
        + ask(port, name="last")
    )
    outcome = Engine(project, LiveEffects(project)).run(make_plan(steps))
    assert outcome.exit_status is ExitStatus.waiting
    assert not lives(served(project)[0])
    (project.root / "done").touch()

    resumed = Engine(project, LiveEffects(project)).resume(outcome.directory, lambda _: make_plan(steps))

    assert resumed.exit_status is ExitStatus.done
    assert len(served(project)) == 2
    assert not lives(served(project)[1])
    journal = outcome.directory.journal.read_text()
    assert journal.count('"step":"ask","title":"Ask","attempt"') == 1


def test_a_service_in_a_nested_workflow_ends_with_that(project, port):
    from .test_nesting import plan_of

    outer = "- {id: part, title: The part, workflow: inner}\n" + ask(port)

    outcome = Engine(project, LiveEffects(project)).run(plan_of(project, outer, web(port) + ask(port, name="inside")))

    assert outcome.state.step("part").verdict == "pass"
    assert outcome.state.step("ask").verdict == "fail"


def test_only_a_step_that_needs_a_service_starts_it_too(project, make_plan, port):
    from zk0.workflow.selection import select_steps

    plan = make_plan(web(port) + "- {id: other, title: Other, run: ['true']}\n" + ask(port, more=", needs: [web]"))

    selection = select_steps(plan, ["ask"], None, 0, [], lambda _: True, Path())

    assert selection.steps == ("web", "ask")
    assert selection.requested == "--only ask"


@pytest.mark.parametrize(
    ("step", "place", "words"),
    [
        ("service: true", "service", "says when it is ready"),
        ("ready: {port: 80}", "ready", "is for a service"),
        ("service: true, ready: {port: 80}, reuse: true", "reuse", "can't be reused"),
        ("service: true, ready: {port: 80}, retry: {attempts: 2}", "retry", "is started once"),
        ("service: true, ready: {port: 80}, foreach: [1]", "foreach", "is started once"),
        ("service: true, ready: {port: 80}, finally: true", "finally", "nothing could use it"),
        ("service: true, ready: {port: 80}, reads: [a]", "reads", "whatever it reads"),
        ("service: true, ready: {port: 80}, makes: [a]", "makes", "has not ended"),
        ("service: true, ready: {port: 80}, trace: true", "trace", "has not ended"),
        ("service: true, ready: {port: 80}, outputs: {a: string}", "outputs", "are pid and log"),
        ("service: true, ready: {port: 80, log: x}", "ready", "one of the keys"),
        ("service: true, ready: {}", "ready", "one of the keys"),
        ("service: true, ready: {port: 0}", "ready", "from 1 to 65535"),
        ("service: true, ready: {run: ['--port={{ 1 }}']}", "ready", "fills a whole argument"),
        ("service: true, ready: {log: '{{ steps.b }}'}", "ready", "unknown step"),
    ],
)
def test_what_a_service_may_not_say_is_refused_where_it_stands(problems, step, place, words):
    lines = re.sub(r", (?=(re|foreach|finally|makes|trace|outputs))", "\n  ", step)
    text = f"name: a\ntitle: A\npurpose: P.\nsteps:\n- id: a\n  title: A\n  run: [x]\n  {lines}\n"

    [problem] = problems(text)

    line = int(problem.partition(":")[0])
    assert place in text.splitlines()[line - 1]
    assert words in problem


def test_a_pattern_and_a_port_of_an_expression_are_checked_when_they_are_known(run, port):
    outcome = run(web(port, ready="{port: \"{{ 'eighty' }}\"}"))
    assert "'eighty' is not a number" in outcome.state.step("web").receipt.failure.message

    outcome = run(web(port, ready="{log: '('}"))
    assert "not a regular expression" in outcome.state.step("web").receipt.failure.message


def test_a_service_is_ended_when_the_run_is_interrupted(project, make_plan, port):
    steps = web(port) + "- {id: a, title: A, uses: trial.fail, with: {how: interrupt}}\n"

    outcome = Engine(project, LiveEffects(project)).run(make_plan(steps))

    assert outcome.exit_status is ExitStatus.interrupted
    assert not lives(served(project)[0])
    assert (outcome.state.step("a").status, outcome.state.verdict) == ("interrupted", "not-available")


def test_services_end_in_the_time_of_one_that_is_deaf(run, project, port, monkeypatch):
    monkeypatch.setattr("zk0.workflow.programs.GRACE", 0.3)
    script = 'trap "" TERM INT; echo $$ > pid; echo up; while :; do sleep 0.2; done'
    (project.root / "deaf.sh").write_text(script)

    began = time.monotonic()
    outcome = run("- {id: web, title: Web, run: [sh, deaf.sh], service: true, ready: {log: up}}\n")

    assert outcome.exit_status is ExitStatus.done
    assert time.monotonic() - began < 15
    assert not lives(served(project)[0])
