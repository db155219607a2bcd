import pytest

from zk0.core.errors import RequestError
from zk0.tuning.campaign import Campaign, CampaignSettings
from zk0.tuning.measurements import InOrder, Measurement


def perform(campaign):
    campaign.descend()
    campaign.refine()
    return campaign.confirm()


def campaign_of(measure, url=None, **settings):
    return Campaign(CampaignSettings(**{"current": 10.0, "problem": "p", **settings}), url, InOrder(measure))


def test_a_mu_that_is_too_large_is_replaced_by_a_proven_one(quadratic):
    result = perform(campaign_of(quadratic))

    assert result.decision.outcome == "better"
    assert result.decision.mu == 1.8
    assert result.decision.comparison.p < 0.05


def test_it_costs_less_than_two_fifths_of_the_grid(quadratic):
    result = perform(campaign_of(quadratic))

    assert result.steps <= 0.4 * result.grid_steps


def test_the_best_value_stays(quadratic):
    result = perform(campaign_of(quadratic, current=2.0))

    assert result.decision.outcome == "not-better"
    assert result.decision.mu == 2.0
    assert not result.confirmed


def test_where_mu_does_not_matter_it_says_so_and_spends_no_more(flat):
    result = perform(campaign_of(flat, current=0.1))

    assert result.decision.outcome == "no-influence"
    assert result.decision.mu == 0.1
    assert len(result.search) == 5
    assert not result.confirmed


def test_no_seed_both_chooses_and_proves():
    settings = CampaignSettings(current=1.0, problem="p", seeds=6, confirming=8, first_seed=14)

    assert not set(settings.search_seeds) & set(settings.confirming_seeds)


def test_a_winner_that_harms_a_client_is_not_promoted(quadratic):
    def measure(mu, seed):
        measured = quadratic(mu, seed)
        harmed = {"client-0": 1.0 / (1 + mu)}  # one client is best off with the largest mu
        return measured.model_copy(update={"losses": measured.losses | harmed})

    result = perform(campaign_of(measure))

    assert result.decision.outcome == "not-better"
    assert result.decision.mu == 10.0


def test_a_budget_that_ends_before_the_proof_changes_nothing(quadratic):
    result = perform(campaign_of(quadratic, budget_steps=640 * 20))

    assert result.decision.outcome == "not-better"
    assert result.decision.mu == 10.0
    assert not result.complete
    assert "budget" in result.decision.reason


def test_a_budget_too_small_for_one_value_is_refused(quadratic):
    with pytest.raises(RequestError, match="within the budget"):
        campaign_of(quadratic, budget_steps=1).descend()


def test_a_value_whose_runs_diverge_is_left_after_the_first(quadratic):
    def measure(mu, seed):
        return Measurement(mu=mu, seed=seed, failure="not finite", steps=1) if mu == 0 else quadratic(mu, seed)

    result = perform(campaign_of(measure))

    assert len(result.search[0.0]) == 1
    assert result.decision.mu == 1.8


def test_every_run_is_reported(quadratic):
    seen = []
    settings = CampaignSettings(current=2.0, problem="p")
    Campaign(settings, None, InOrder(quadratic), lambda *report: seen.append(report)).descend()

    assert [done for done, _, _ in seen] == list(range(1, len(seen) + 1))
    assert all(done <= planned for done, planned, _ in seen)
    assert seen[0][2].startswith("mu = 2, seed 0: loss ")
