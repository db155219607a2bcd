"""`zk0 why` says both ways, for whatever a step does: why it ran, and why an earlier outcome stands for it."""

import re

import pytest

HEAD = "inputs: {word: {type: string, default: one}}\n"
INNER = "  - {id: say, title: Say, reuse: true, reads: [], makes: [], run: [echo, '{{ inputs.word }}']}\n"
STEPS = """\
  - {id: program, title: A program, reuse: true, reads: [], makes: [], run: [echo, "{{ inputs.word }}"]}
  - {id: note, title: An action, reuse: true, uses: trial.note, with: {text: "{{ inputs.word }}"},
     checks: [trial.length]}
  - {id: nested, title: A workflow, workflow: inner, with: {word: "{{ inputs.word }}"}}
  - {id: each, title: Each, foreach: ["{{ inputs.word }}", two], reuse: true, reads: [], makes: [],
     run: [echo, "{{ item }}"]}
"""
# The same in other words: titles, comments, order of keys, a default written out.
COSMETIC = """\
  - run: [echo, "{{ inputs.word }}"]   # says it
    reuse: true
    reads: []
    makes: []
    title: A program, by another title
    id: program
  - {id: note, title: An action, reuse: true, checks: [trial.length: {minimum: 1}], uses: trial.note,
     with: {number: 1, text: "{{ inputs.word }}"}}
  - {id: nested, title: Another, workflow: inner, with: {word: "{{ inputs.word }}"}}
  - {id: each, title: Each one, reuse: true, reads: [], makes: [], run: [echo, "{{ item }}"],
     foreach: ["{{ inputs.word }}", two]}
"""
OF_THE_WORD = ("program", "note", "nested/say", "each/0")


@pytest.fixture
def why(command, write):
    """Run the workflow, and return why each of its steps did what it did."""

    def told(steps, *arguments):
        write("inner", INNER, HEAD)
        write("outer", steps, HEAD)
        status, _, problem = command("run", "outer", "--quiet", *arguments)
        assert status == 0, problem
        names = (*OF_THE_WORD, "each/1")
        return {name: command("why", "latest", name)[1].strip().removeprefix(f"{name} ") for name in names}

    return told


@pytest.mark.parametrize("steps", [STEPS, COSMETIC], ids=["the same", "a cosmetic edit"])
def test_each_kind_of_step_says_that_it_was_reused_and_of_which_run(why, steps):
    assert set(why(STEPS).values()) == {"ran because no earlier run of it did its work"}

    again = why(steps)

    for sentence in again.values():
        assert re.fullmatch(r"reused because .* equal those of run \d{8}-\d{6}-outer-[0-9a-f]{4}", sentence)


def test_each_kind_of_step_says_what_made_it_run(why):
    why(STEPS)

    changed = why(STEPS, "-i", "word=three")

    for name in OF_THE_WORD:
        assert re.fullmatch(r"ran because the inputs changed \(.*'one'.* → .*'three'.*\) since run \S+", changed[name])
    assert changed["each/1"].startswith("reused because")


def test_steps_of_others_and_steps_that_did_not_run_say_so(command, write):
    write("inner", INNER, HEAD)
    skipped = "  - {id: never, title: Never, when: \"{{ inputs.word == 'two' }}\", run: [echo]}\n"
    write("outer", STEPS + skipped, HEAD)
    command("run", "outer", "--quiet")

    assert "ran because it consists of others" in command("why", "latest", "nested")[1]
    assert "ran because it consists of others" in command("why", "latest", "each")[1]
    assert command("why", "latest", "never")[1].startswith(
        "never was skipped because it runs only if inputs.word == 'two'"
    )
