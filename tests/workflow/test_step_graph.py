"""What follows from the steps that ended: which may begin, which can't run, and how good all of it is."""

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.verdicts import Verdict
from zk0.workflow.expressions import StepScope
from zk0.workflow.step_graph import StepGraph

STEPS = """\
- {id: a, title: A, run: ["true"]}
- {id: b, title: B, needs: [], run: ["true"]}
- {id: c, title: C, needs: [a], run: ["true"]}
- {id: fix, title: Fix, when: "{{ steps.a.verdict == 'fail' }}", run: ["true"]}
- {id: test, title: Test, needs: [], when: "{{ steps.fix.verdict == 'pass' }}", run: [echo, "{{ steps.c.verdict }}"]}
- {id: all, title: All, run: ["true"]}
- {id: last, title: Last, finally: true, run: ["true"]}
"""


@pytest.fixture
def graph(make_plan):
    plan = make_plan(STEPS)
    return StepGraph(plan), {step.id: step for step in plan.steps}


def end(graph, step, verdict=Verdict.passed):
    graph.end(step, StepScope(verdict), ExitStatus.failed if verdict.stops else ExitStatus.done)


def test_a_step_may_begin_when_all_that_it_needs_or_reads_have_ended(graph):
    graph, steps = graph
    free = [[name for name, step in steps.items() if graph.may_begin(step)]]

    for name in ("a", "b", "c", "fix"):
        end(graph, steps[name])
        free.append([name for name, step in steps.items() if graph.may_begin(step)])

    assert free == [
        ["a", "b"],
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["a", "b", "c", "fix"],
        ["a", "b", "c", "fix", "test"],
    ]


def test_what_needs_a_step_that_failed_is_blocked_and_what_asks_for_the_failure_is_not(graph):
    graph, steps = graph

    end(graph, steps["a"], Verdict.failed)
    graph.skip(steps["c"], Verdict.not_available)
    end(graph, steps["fix"])

    blocked = {name: graph.blocked_by(steps[name]) for name in ("b", "c", "test", "all", "last")}
    assert blocked == {"b": None, "c": "a", "test": None, "all": "a", "last": None}


def test_a_step_that_was_not_to_run_blocks_nothing(graph):
    graph, steps = graph

    graph.skip(steps["a"], Verdict.not_applicable)

    assert graph.blocked_by(steps["c"]) is None
    assert graph.may_begin(steps["c"])


def test_all_of_it_is_as_good_as_the_worst(graph):
    graph, steps = graph
    assert (graph.verdict, graph.exit_status) == (Verdict.not_applicable, ExitStatus.done)

    end(graph, steps["a"])
    end(graph, steps["b"], Verdict.failed)

    assert (graph.verdict, graph.exit_status) == (Verdict.failed, ExitStatus.failed)
