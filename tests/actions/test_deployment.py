import pytest

from zk0.actions.deployment import ResourcesInputs, ReviewInputs, SecureInputs, resources, review, secure
from zk0.core.errors import InputError
from zk0.federation.deployment.admission import CLIENTS, approve, create_request


def verdicts(findings):
    return [str(one.verdict) for one in findings]


def test_a_review_on_loopback_passes_and_takes_the_first_clients(context, judge):
    outputs = review(ReviewInputs(data="a=sim:lift-left;b=sim:lift-right;c=sim:touch-far", clients=2), context)

    assert (outputs.data, outputs.local, outputs.exposed) == ("a=sim:lift-left;b=sim:lift-right", ["a", "b"], False)
    assert verdicts(judge("deployment.reviewed", outputs)) == ["pass", "pass"]


def test_a_review_without_a_client_fails_with_the_way_to_get_one(context, judge):
    [finding, _] = judge("deployment.reviewed", review(ReviewInputs(), context))

    assert finding.verdict == "fail"
    assert "zk0 deploy approve" in finding.remedy


def test_one_name_here_and_on_the_list_fails(context, judge, tmp_path):
    approve(create_request("arm-a", tmp_path / "key"), context.project.root / CLIENTS)

    outputs = review(ReviewInputs(data="arm-a=sim:lift-left"), context)

    assert verdicts(judge("deployment.reviewed", outputs)) == ["pass", "fail"]


@pytest.mark.parametrize(("names", "verdict"), [((), "fail"), (("fl.example.org",), "pass")])
def test_beyond_loopback_a_name_is_needed_and_the_exposure_is_said(context, judge, names, verdict):
    outputs = review(ReviewInputs(data="a=sim:lift-left", host="0.0.0.0", names=names), context)

    assert outputs.exposed
    assert verdicts(judge("deployment.reviewed", outputs)) == ["pass", "pass", verdict, "warn"]


def test_security_is_made_and_judged_without_anything_secret_in_the_outputs(context, judge):
    outputs = secure(SecureInputs(names=("fl.example.org",)), context)

    assert set(verdicts(judge("deployment.secured", outputs))) == {"pass"}
    assert "fl.example.org" in outputs.names
    assert "PRIVATE KEY" not in outputs.model_dump_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modes": {"authority/ca.key": "644"}}, "mode 644"),
        ({"tracked": ["keys/ca.key"]}, "git would commit this private key"),
        ({"wanted": ["fl.example.org"]}, "it does not name fl.example.org"),
    ],
)
def test_each_security_fault_is_found(context, judge, changes, message):
    outputs = secure(SecureInputs(), context).model_copy(update=changes)

    assert [one.message for one in judge("deployment.secured", outputs) if one.verdict == "fail"] == [message]


def test_an_old_certificate_warns_a_month_before(context, judge):
    outputs = secure(SecureInputs(), context).model_copy(update={"days_left": 12})

    assert "warn" in verdicts(judge("deployment.secured", outputs))


def test_resources_are_compared(context, judge):
    outputs = resources(ResourcesInputs(data="a=sim:lift-left;b=sim:lift-right"), context)
    short = outputs.model_copy(update={"memory_free": 0.5, "disk_free": 0.1, "cores": 1})

    assert outputs.clients == 2
    assert verdicts(judge("deployment.resources", short)) == ["fail", "fail", "warn"]


def test_a_kit_that_is_not_there_is_refused_before_anything_runs(context):
    from zk0.actions.site import AcceptInputs

    with pytest.raises(InputError, match="there is no kit"):
        AcceptInputs(kit="none.kit.json").preflight(context.project)
