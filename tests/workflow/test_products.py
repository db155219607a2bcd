"""What a program's step makes is in its receipt, and must be there, unchanged and complete, for it to be reused."""

from shutil import rmtree

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.receipts import file_digest
from zk0.workflow.reuse import explanation

DECLARED = "id: a, title: A, reuse: true, reads: []"
STEP = f"- {{{DECLARED}, makes: ['out/*.csv'], run: [sh, -c, 'mkdir -p out; echo 1 > out/a.csv']}}\n"


def test_products_are_artifacts_of_the_receipt(run, project):
    [log, product] = run(STEP).state.step("a").receipt.artifacts

    assert (log.name, product.name, product.path) == ("log", "makes.0", "out/a.csv")
    assert product.sha256 == file_digest(project.root / "out" / "a.csv")


def test_a_step_whose_product_is_not_there_fails(run):
    outcome = run("- {id: a, title: A, makes: ['*.csv'], run: ['true']}\n")

    assert outcome.exit_status is ExitStatus.failed
    assert "'*.csv'" in outcome.state.step("a").receipt.failure.message


@pytest.mark.parametrize(
    "change",
    [
        lambda root: rmtree(root / "out"),
        lambda root: (root / "out" / "a.csv").write_text("2\n"),
        lambda root: (root / "out" / "b.csv").write_text("1\n"),
    ],
    ids=["gone", "altered", "one more"],
)
def test_products_that_are_not_as_they_were_are_made_again(run, project, change):
    run(STEP)
    second = run(STEP)
    assert explanation(second.state.step("a")).startswith("a reused")

    change(project.root)

    sentence = explanation(run(STEP).state.step("a"))
    assert sentence == f"a ran because what run {second.directory.id} made is gone or was changed"
    assert (project.root / "out" / "a.csv").read_text() == "1\n"


def test_a_product_is_not_taken_for_a_file_of_the_run_s_directory(run, project):
    step = f"- {{{DECLARED}, makes: [logs/a.log], run: [sh, -c, 'mkdir -p logs; echo 1 > logs/a.log']}}\n"
    run(step)
    run(step)

    (project.root / "logs" / "a.log").write_text("2\n")

    assert "is gone or was changed" in explanation(run(step).state.step("a"))


def test_an_expression_does_not_lead_out_of_the_project(run, tmp_path):
    step = "- {id: a, title: A, makes: ['{{ inputs.place }}'], run: ['true']}\n"

    outcome = run(step, "inputs: {place: {type: string, default: /etc/passwd}}\n")

    assert outcome.exit_status is ExitStatus.wrong_request
    assert not [made for made in outcome.state.step("a").receipt.artifacts if made.name != "log"]


@pytest.mark.parametrize(
    "rest",
    [
        "makes: [x.csv], run: [touch, x.csv], checks: [run: [test, -e, x.csv]]",
        "makes: [data.csv], run: [sh, -c, 'echo 2 >> data.csv']",
    ],
    ids=["a check of it", "an update in place"],
)
def test_a_product_is_no_input(run, project, rest):
    (project.root / "data.csv").write_text("1\n")
    steps = f"- {{id: a, title: A, reuse: true, reads: [data.csv], {rest}}}\n"
    run(steps)

    assert explanation(run(steps).state.step("a")).startswith("a reused")


@pytest.mark.parametrize("makes", [".", ".zk0", "'.zk0/runs/*'"])
def test_what_zk0_writes_is_no_product(run, makes):
    outcome = run(f"- {{id: a, title: A, makes: [{makes}], run: ['true']}}\n")

    assert outcome.exit_status is ExitStatus.wrong_request
