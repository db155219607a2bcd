"""What follows from the steps that ended: which may begin, which can't run, and how good all of it is."""

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.verdicts import Verdict
from zk0.workflow.expressions import StepScope
from zk0.workflow.step_graph import Course

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
def course(make_plan):
    plan = make_plan(STEPS)
    return Course(plan), {step.id: step for step in plan.steps}


def end(course, step, verdict=Verdict.passed):
    course.end(step, StepScope(verdict), ExitStatus.failed if verdict.stops else ExitStatus.done)


def test_a_step_may_begin_when_all_that_it_needs_or_reads_have_ended(course):
    course, steps = course
    free = [[name for name, step in steps.items() if course.may_begin(step)]]

    for name in ("a", "b", "c", "fix"):
        end(course, steps[name])
        free.append([name for name, step in steps.items() if course.may_begin(step)])

    assert free == [
        ["a", "b"],
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["a", "b", "c", "fix"],
        ["a", "b", "c", "fix", "test"],
    ]


def test_what_needs_a_step_that_failed_is_blocked_and_what_asks_for_the_failure_is_not(course):
    course, steps = course

    end(course, steps["a"], Verdict.failed)
    course.skip(steps["c"], Verdict.not_available)
    end(course, steps["fix"])

    blocked = {name: course.blocking(steps[name]) for name in ("b", "c", "test", "all", "last")}
    assert blocked == {"b": None, "c": "a", "test": None, "all": "a", "last": None}


def test_a_step_that_was_not_to_run_blocks_nothing(course):
    course, steps = course

    course.skip(steps["a"], Verdict.not_applicable)

    assert course.blocking(steps["c"]) is None
    assert course.may_begin(steps["c"])


def test_all_of_it_is_as_good_as_the_worst(course):
    course, steps = course
    assert (course.verdict, course.exit_status) == (Verdict.not_applicable, ExitStatus.done)

    end(course, steps["a"])
    end(course, steps["b"], Verdict.failed)

    assert (course.verdict, course.exit_status) == (Verdict.failed, ExitStatus.failed)
