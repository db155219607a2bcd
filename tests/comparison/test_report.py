"""The report shows every arm and every contrast, and what goes with success."""

from zk0.comparison.contrasts import contrasts
from zk0.comparison.report import arm_table, contrast_table, markdown, predictors
from zk0.comparison.results import ArmResult, outcomes_of


def result(arm, successes, losses=(), errors=()):
    return ArmResult(
        arm=arm,
        task="lift-left",
        successes=successes,
        steps=[[20] * len(row) for row in successes],
        non_finite=0,
        losses=list(losses),
        errors=list(errors),
    )


EXPERT = result("expert", [[True] * 4] * 2)
FEDAVG = result("fedavg", [[True] * 3 + [False], [True] * 2 + [False] * 2], [0.3, 0.4], [2.0, 3.0])
POOLED = result("centralised", [[True] * 4, [True] * 4], [0.6, 0.5], [1.0, 1.5])


def test_an_arm_shows_its_rate_its_seeds_its_steps_and_its_measures():
    heads, expert, fedavg, _ = arm_table([EXPERT, FEDAVG, POOLED])

    assert heads[:4] == ["arm", "task", "success (95 %)", "by training seed"]
    assert expert == ["expert", "lift-left", "4 of 4 (51% to 100%)", "4", "20", "", ""]
    assert fedavg == ["fedavg", "lift-left", "5 of 8 (31% to 86%)", "3, 2", "20", "0.35", "2.5°"]


def test_a_contrast_shows_points_and_whether_it_counts():
    [row] = contrast_table(contrasts(outcomes_of([FEDAVG, POOLED])))[1:]

    assert row[0] == "fedavg - centralised"
    assert row[1].startswith("-38 [")
    assert row[-1] == "no"


def test_what_goes_with_success_is_said_by_rank():
    found = predictors([EXPERT, FEDAVG, POOLED])

    assert "over 4 policies and tasks" in found
    assert "error -0.95" in found
    assert "loss +0.74" in found
    assert predictors([EXPERT, POOLED]).startswith("Whether the held-out loss or error goes with success can't be said")


def test_the_page_has_both_tables_and_the_sentence():
    results = [EXPERT, FEDAVG, POOLED]

    page = markdown(results, contrasts(outcomes_of(results)), 2, "Two clients.")

    assert page.startswith("# Comparison\n\nTwo clients.\n\n| arm | task |")
    assert "| fedavg - centralised |" in page
    assert "Not significant: fedavg and centralised." in page
    assert "No contrast was planned" in markdown([EXPERT], [], 1, "")
