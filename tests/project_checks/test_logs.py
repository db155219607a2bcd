import pytest

from zk0.core.errors import AssetMissingError
from zk0.workflow.run import run_directories


def test_a_journal_with_the_outcome_of_each_step_is_complete(ran):
    [finding] = ran.ask("logs.complete")

    assert (finding.verdict, finding.message) == ("pass", "1 steps, each with its outcome and time")


def test_a_damaged_journal_fails(ran):
    [run] = run_directories(ran.project)
    run.journal.write_text("not JSON\n" + run.journal.read_text())

    assert ran.verdicts("logs.complete") == {"fail"}


def test_without_a_run_there_is_no_journal(small):
    with pytest.raises(AssetMissingError, match="no workflow has run yet"):
        small.ask("logs.complete")
