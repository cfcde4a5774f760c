"""Facts beside the details: automatic reruns, setups, and pull requests."""

import pytest

from service.circleci.pull_requests import ValuesAnswer, page_url, pull_request_in, pull_request_of
from service.circleci.webhook.payload import PipelineShape
from service.model import DetailKind, PullRequest, WorkflowFacts
from service.routing.decide import with_details
from tests.support.circleci_fixture import EVENT, GOOD, Instance

SHOP = "https://github.com/acme/shop"
WANTS = (DetailKind.ACTOR, DetailKind.VCS, DetailKind.WORKFLOW, DetailKind.PULL_REQUEST)


def vcs(**fields: object) -> dict[str, object]:
    return {"vcs": {"branch": "cart", "revision": "4f1c9a6", "target_repository_url": SHOP, **fields}}


async def test_the_facts_of_a_workflow_cost_no_call_beyond_the_actors() -> None:
    rerun = {"started_by": "u1", "auto_rerun_number": 2, "max_auto_reruns": 3, "tag": "setup"}
    instance = Instance(
        {**GOOD, "/workflow/w1": rerun, "/pipeline/p1": vcs(review_id="7", review_url=f"{SHOP}/pull/7")}
    )

    details = await instance.enrich(*WANTS)

    assert sorted(instance.asked) == ["/pipeline/p1", "/user/u1", "/workflow/w1"]
    assert details.workflow == WorkflowFacts(auto_rerun_number=2, max_auto_reruns=3, is_setup=True)
    event = with_details(EVENT, details)
    assert (event.workflow.auto_rerun_number, event.workflow.max_auto_reruns, event.workflow.is_setup) == (2, 3, True)
    assert event.pull_request == PullRequest(number=7, url=f"{SHOP}/pull/7")


async def test_an_original_run_is_number_0() -> None:
    instance = Instance(GOOD)

    assert (await instance.enrich(DetailKind.ACTOR)).workflow == WorkflowFacts()
    assert (await instance.enrich(DetailKind.WORKFLOW)).workflow == WorkflowFacts()
    assert instance.asked == ["/workflow/w1"]


async def test_a_pull_request_is_looked_for_in_the_values_of_a_pipeline_that_names_none() -> None:
    values = {"pipeline.number": 204, "pipeline.event.github.pull_request.number": 12, "pipeline.git.repo_url": SHOP}
    instance = Instance({**GOOD, "/pipeline/p1/values": values})

    details = await instance.enrich(DetailKind.PULL_REQUEST)

    assert details.pull_request == PullRequest(number=12, url=f"{SHOP}/pull/12")
    assert (await instance.enrich(DetailKind.PULL_REQUEST, known=details)).pull_request == details.pull_request
    assert instance.asked == []


@pytest.mark.parametrize("answer", [400, 403, 404, 410, 500, 501, {}])
async def test_values_that_are_not_to_be_had_mean_no_pull_request(answer: object) -> None:
    instance = Instance({**GOOD, "/pipeline/p1/values": answer})

    details = await instance.enrich(DetailKind.PULL_REQUEST)

    assert (details.pull_request, details.missing) == (PullRequest(), ())


async def test_a_pull_request_is_asked_for_again_where_circleci_was_busy() -> None:
    instance = Instance({**GOOD, "/pipeline/p1/values": 503})

    details = await instance.enrich(DetailKind.PULL_REQUEST)

    assert details.pull_request is None
    assert details.may_improve


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        (vcs(review_id="7", review_url=f"{SHOP}/pull/7"), PullRequest(number=7, url=f"{SHOP}/pull/7")),
        (vcs(review_id="7"), PullRequest(number=7, url=f"{SHOP}/pull/7")),
        (vcs(review_url=f"{SHOP}/pull/7"), PullRequest(number=7, url=f"{SHOP}/pull/7")),
        (
            vcs(review_url="https://gitlab.com/acme/shop/-/merge_requests/9"),
            PullRequest(number=9, url="https://gitlab.com/acme/shop/-/merge_requests/9"),
        ),
        (vcs(branch="pull/31", origin_repository_url=f"{SHOP}-fork"), PullRequest(number=31, url=f"{SHOP}/pull/31")),
        (vcs(branch="pull/31", origin_repository_url=SHOP), PullRequest()),
        (vcs(branch="pull/31"), PullRequest()),
        (vcs(review_id="x", review_url="javascript:alert(1)"), PullRequest()),
        (vcs(review_id=["7"], review_url={"a": 1}), PullRequest()),
        (vcs(review_id="9" * 40), PullRequest()),
        (vcs(review_id="7", target_repository_url="https://bitbucket.org/acme/shop"), PullRequest(number=7)),
        ({}, PullRequest()),
    ],
)
def test_pull_request_of_a_pipeline(pipeline: dict[str, object], expected: PullRequest) -> None:
    assert pull_request_of(PipelineShape.model_validate(pipeline)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"pipeline.event.context.github.pr_url": f"{SHOP}/pull/5"}, PullRequest(number=5, url=f"{SHOP}/pull/5")),
        (
            {"pipeline.event.github.pull_request.url": "https://api.github.com/repos/acme/shop/pulls/6"},
            PullRequest(number=6, url=f"{SHOP}/pull/6"),
        ),
        (
            {"pipeline.event.github.pull_request.url": "https://git.example.com/api/v3/repos/acme/shop/pulls/6"},
            PullRequest(number=6, url="https://git.example.com/acme/shop/pull/6"),
        ),
        ({"pipeline.event.github.pull_request.number": "8"}, PullRequest(number=8)),
        ({"pipeline.event.github.pull_request.number": "", "pipeline.event.context.github.pr_url": ""}, PullRequest()),
        ({"pipeline.event.github.pull_request.number": True}, PullRequest()),
    ],
)
def test_pull_request_in_values(values: dict[str, object], expected: PullRequest) -> None:
    assert pull_request_in(ValuesAnswer.model_validate(values), PipelineShape.model_validate({})) == expected


def test_a_page_is_never_anything_but_a_web_address() -> None:
    assert page_url("http://user@evil example") is None
    assert page_url(None) is None
