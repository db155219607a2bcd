"""Outputs outside of the project are refused, links lead out of no folder, and a run's records are no artifact."""

import os

import pytest

from zk0.core.errors import ExitStatus
from zk0.core.receipts import artifact, file_digest


def names(outcome):
    return [made.path for made in outcome.state.step("a").receipt.artifacts]


@pytest.mark.parametrize("path", ["../outside/secret", "{outside}/secret", "{outside}", "link/secret", "link", "file"])
def test_outputs_outside_of_the_project_are_refused(run, project, tmp_path_factory, path):
    outside = tmp_path_factory.mktemp("elsewhere") / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (project.root / "link").symlink_to(outside)
    (project.root / "file").symlink_to(outside / "secret")
    given = path.format(outside=outside)
    if path.startswith(".."):
        given = os.path.relpath(outside / "secret", project.root)

    outcome = run(
        f"- {{id: a, title: A, uses: trial.name, with: {{path: {given}}}, checks: [run: [touch, checked]]}}\n"
    )

    failure = outcome.state.step("a").receipt.failure
    assert (failure.code, outcome.exit_status) == ("ZK202", ExitStatus.wrong_request)
    assert str(outside) in failure.message
    assert "outside of the project" in failure.message
    assert names(outcome) == []
    assert not (project.root / "checked").exists()


def test_the_records_of_a_run_are_no_artifact(run, project):
    for path in (
        ".",
        ".zk0",
        ".zk0/runs",
        "{run}",
        "{run}/journal.jsonl",
        "{run}/lock",
        "{run}/receipts",
        "{run}/steps",
    ):
        expression = "\"{{ run.directory ~ '" + path.removeprefix("{run}") + "' }}\"" if "{run}" in path else path

        outcome = run(f"- {{id: a, title: A, uses: trial.name, with: {{path: {expression}}}}}\n")

        assert outcome.exit_status is ExitStatus.done, path
        assert names(outcome) == [], path


def test_what_a_step_wrote_in_its_directory_and_a_folder_of_the_project_are_artifacts(run, project):
    (project.root / "data").mkdir()
    expression = "\"{{ run.directory ~ '/logs/b.log' }}\""
    first = "- {id: b, title: B, run: [echo, x]}\n"

    assert names(run("- {id: a, title: A, uses: trial.name, with: {path: data}}\n")) == ["data"]
    assert names(run(f"{first}- {{id: a, title: A, uses: trial.name, with: {{path: {expression}}}}}\n")) == [
        "logs/b.log"
    ]


def test_links_in_a_folder_are_not_followed_out_of_it(tmp_path):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text("x")
    (tmp_path / "large").write_text("secret" * 1000)
    plain = file_digest(folder)

    (folder / "out").symlink_to(tmp_path / "large")
    linked = file_digest(folder)
    (tmp_path / "large").write_text("other")

    assert linked != plain
    assert file_digest(folder) == linked
    assert artifact("a", folder, base=tmp_path).size == 1
    (folder / "in").symlink_to("inner/file")
    inside = file_digest(folder)
    (folder / "inner" / "file").write_text("y")
    assert file_digest(folder) != inside


def test_a_product_outside_of_the_project_is_refused(run, project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere")
    (outside / "secret").write_text("x")
    (project.root / "link").symlink_to(outside)
    (project.root / "file").symlink_to(outside / "secret")
    for pattern in ("link", "link/*", "link/**/secret", "file", "fi*"):
        outcome = run(f"- {{id: a, title: A, run: ['true'], makes: ['{pattern}']}}\n")

        failure = outcome.state.step("a").receipt.failure
        assert (failure.code, "outside of the project" in failure.message) == ("ZK202", True), pattern
        assert names(outcome) == ["logs/a.log"]


def test_a_link_to_a_folder_beside_it_counts_by_its_target_and_once(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("x")
    plain = file_digest(tmp_path)
    (tmp_path / "latest").symlink_to("data")

    linked = file_digest(tmp_path)

    assert linked != plain
    assert artifact("a", tmp_path, base=tmp_path.parent).size == 1
    (tmp_path / "data" / "file").write_text("y")
    assert file_digest(tmp_path) != linked


def test_a_folder_that_leads_into_itself_and_a_pipe_are_no_trap(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")

    assert file_digest(tmp_path)
    assert file_digest(tmp_path / "pipe") == file_digest(tmp_path / "pipe")
