"""Processes that answer questions: each question once, and none is left running."""

import psutil

from zk0.checklists.workers import AT_ONCE, Question, answers
from zk0.core.checks import CHECKS
from zk0.core.project import Project
from zk0.core.verdicts import Verdict


def questions(count: int) -> list[Question]:
    return [Question(f"q{number}", CHECKS.get("machine.disk"), {"gib": number * 10**6}) for number in range(count)]


def workers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def test_each_question_is_answered_once_with_its_times(project: Project) -> None:
    found = {answer.question.key: answer for answer in answers(project.root, questions(3 * AT_ONCE))}

    assert len(found) == 3 * AT_ONCE
    assert found["q0"].findings[0].verdict is Verdict.passed
    assert found["q1"].findings[0].verdict is Verdict.failed
    assert all(answer.started <= answer.finished for answer in found.values())


def test_who_stops_listening_leaves_no_process(project: Project) -> None:
    list(answers(project.root, questions(1)))  # the process that the others are forked from stays
    before = len(workers())

    listening = answers(project.root, questions(3 * AT_ONCE))
    next(listening)
    listening.close()

    assert len(workers()) == before


def test_no_question_begins_no_process(project: Project) -> None:
    assert list(answers(project.root, [])) == []
