"""The details of an event: requests, results, and reasons for missing ones."""

from datetime import UTC, datetime, timedelta

import pytest

from service.model import (
    Actor,
    DetailKind,
    Details,
    Event,
    JobReport,
    MissingDetail,
    Pipeline,
    Project,
    Vcs,
    Workflow,
    WorkflowFacts,
)
from tests.support.circleci_fixture import ALL, EVENT, GOOD, NOW, REPORT, WORKFLOW_PAGE, Instance

STARTED = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


async def test_every_wanted_detail_is_returned() -> None:
    instance = Instance(GOOD)

    details = await instance.enrich(*ALL)

    assert details == Details(
        wanted=ALL,
        actor=Actor(id="u1", login="ada", name="Ada Example"),
        vcs=Vcs(branch="main", revision="4f1c9a6", subject="Round up"),
        jobs=(
            JobReport(
                name="lint",
                status="success",
                number=6,
                type="build",
                url=f"{WORKFLOW_PAGE}/jobs/6",
                duration_ms=2_000,
                started_at=STARTED,
            ),
            JobReport(
                name="unit",
                status="failed",
                number=7,
                type="build",
                url="https://app.circleci.com/jobs/gh/acme/shop/7",
                duration_ms=1_950,
                started_at=STARTED,
                messages=("The disk is nearly full",),
                tests=REPORT,
            ),
            JobReport(name="hold", status="blocked", type="approval"),
        ),
        workflow=WorkflowFacts(),
        rounds=1,
        asked_at=NOW,
    )
    assert sorted(instance.asked) == sorted(GOOD)


@pytest.mark.parametrize(
    ("want", "paths"),
    [
        (DetailKind.ACTOR, ["/workflow/w1", "/user/u1"]),
        (DetailKind.VCS, ["/pipeline/p1"]),
        (DetailKind.JOBS, ["/workflow/w1/job", "/project/gh/acme/shop/job/7"]),
        (DetailKind.TESTS, ["/workflow/w1/job", "/project/gh/acme/shop/7/tests"]),
    ],
)
async def test_only_wanted_details_are_asked_for_and_only_once(want: DetailKind, paths: list[str]) -> None:
    instance = Instance(GOOD)

    details = await instance.enrich(want)
    assert instance.asked == paths

    again = await instance.enrich(want, known=details)
    assert instance.asked == []
    assert (again.wanted, again.rounds, again.missing) == (frozenset({want}), 2, ())
    assert (again.actor, again.vcs, again.jobs) == (details.actor, details.vcs, details.jobs)


async def test_wanting_nothing_costs_no_call() -> None:
    instance = Instance(GOOD)

    assert await instance.enrich() == Details(rounds=1, asked_at=NOW)
    assert instance.asked == []


async def test_later_wanted_details_are_added_to_the_known_ones() -> None:
    instance = Instance(GOOD)
    known = await instance.enrich(DetailKind.JOBS)

    details = await instance.enrich(DetailKind.TESTS, known=known)

    assert instance.asked == ["/project/gh/acme/shop/7/tests"]
    assert details.jobs == (await instance.enrich(*ALL)).jobs
    assert details.wanted == {DetailKind.JOBS, DetailKind.TESTS}


async def test_tests_that_are_known_are_not_asked_again_when_the_jobs_are() -> None:
    instance = Instance(GOOD)
    known = await instance.enrich(DetailKind.TESTS)

    details = await instance.enrich(DetailKind.JOBS, known=known)

    assert "/project/gh/acme/shop/7/tests" not in instance.asked
    assert details.jobs is not None
    assert details.jobs[1].tests == REPORT


async def test_an_actor_named_by_the_webhook_is_asked_for_directly_and_remembered_for_a_day() -> None:
    instance = Instance({"/user/u9": {"login": "grace"}})
    event = Event(**{**vars(EVENT), "actor": Actor(id="u9")})

    assert (await instance.enrich(DetailKind.ACTOR, event=event)).actor == Actor(id="u9", login="grace")
    assert instance.asked == ["/user/u9"]

    await instance.enrich(DetailKind.ACTOR, event=event)
    assert instance.asked == []

    instance.now += timedelta(days=1)
    await instance.enrich(DetailKind.ACTOR, event=event)
    assert instance.asked == ["/user/u9"]


async def test_unknown_actor_is_finally_missing_and_not_asked_for_a_while() -> None:
    instance = Instance({"/workflow/w1": {"started_by": "a-robot"}})

    details = await instance.enrich(DetailKind.ACTOR)
    assert details.actor is None
    [missing] = details.missing
    assert (missing.is_final, missing.is_by_choice) == (True, True)
    assert missing.reason == (
        "CircleCI answered 404 to GET /user/{id}: there is no such thing, or the token may not see it"
    )

    assert (await instance.enrich(DetailKind.ACTOR)).missing == (missing,)
    assert instance.asked == ["/workflow/w1"]

    instance.now += timedelta(minutes=10)
    await instance.enrich(DetailKind.ACTOR)
    assert instance.asked == ["/workflow/w1", "/user/a-robot"]


@pytest.mark.long
async def test_at_most_a_thousand_users_are_remembered_the_latest_ones() -> None:
    instance = Instance({f"/user/{number}": {"login": "x"} for number in range(1_001)})
    for number in range(1_001):
        await instance.enrich(DetailKind.ACTOR, event=Event(**{**vars(EVENT), "actor": Actor(id=str(number))}))

    await instance.enrich(DetailKind.ACTOR, event=Event(**{**vars(EVENT), "actor": Actor(id="1")}))
    assert instance.asked == []

    await instance.enrich(DetailKind.ACTOR, event=Event(**{**vars(EVENT), "actor": Actor(id="0")}))
    assert instance.asked == ["/user/0"]


async def test_workflow_without_a_starter_has_no_actor() -> None:
    details = await Instance({"/workflow/w1": {}}).enrich(DetailKind.ACTOR)

    assert details.missing == (
        MissingDetail(want=DetailKind.ACTOR, reason="CircleCI does not say who started the workflow", is_final=True),
    )


async def test_the_tag_of_a_pipeline_comes_without_a_branch() -> None:
    instance = Instance({"/pipeline/p1": {"vcs": {"tag": "v1", "branch": "main"}}})

    assert (await instance.enrich(DetailKind.VCS)).vcs == Vcs(tag="v1")


async def test_pipeline_without_version_control_facts_leaves_them_missing() -> None:
    details = await Instance({"/pipeline/p1": {"id": "p1"}}).enrich(DetailKind.VCS)

    assert details.missing == (
        MissingDetail(want=DetailKind.VCS, reason="CircleCI does not say what the pipeline built", is_final=True),
    )


async def test_without_a_token_each_want_is_finally_missing() -> None:
    details = await Instance(GOOD, has_token=False).enrich(*ALL)

    reason = "no ROUNDSMAN_CIRCLECI_TOKEN is set"
    assert details.missing == tuple(
        MissingDetail(want=want, reason=reason, is_final=True, is_by_choice=True) for want in sorted(ALL)
    )
    assert (details.wanted, details.rounds, details.may_improve) == (ALL, 1, False)
    assert details.asked_at is None  # nothing was asked


async def test_detail_is_missing_if_the_webhook_lacks_the_id_to_ask_with() -> None:
    event = Event(**{**vars(EVENT), "workflow": Workflow(), "pipeline": Pipeline(), "project": Project()})

    details = await Instance(GOOD).enrich(*ALL, event=event)

    assert {(missing.want, missing.reason, missing.is_final) for missing in details.missing} == {
        (DetailKind.ACTOR, "the webhook did not say the workflow's id", True),
        (DetailKind.VCS, "the webhook did not say the pipeline's id", True),
        (DetailKind.JOBS, "the webhook did not say the workflow's id", True),
        (DetailKind.TESTS, "the webhook did not say the workflow's id", True),
    }


async def test_without_the_slug_people_still_hear_which_jobs_there_were() -> None:
    details = await Instance(GOOD).enrich(DetailKind.JOBS, event=Event(**{**vars(EVENT), "project": Project()}))

    assert details.jobs is not None
    assert [job.name for job in details.jobs] == ["lint", "unit", "hold"]
    assert [missing.reason for missing in details.missing] == ["the webhook did not say the project's slug"]


async def test_trouble_leaves_the_rest_and_is_worth_another_round() -> None:
    instance = Instance({**GOOD, "/project/gh/acme/shop/job/7": 503, "/pipeline/p1": 503})

    details = await instance.enrich(*ALL)
    assert details.actor is not None
    assert details.jobs is not None
    assert (details.jobs[1].url, details.jobs[1].tests) == (f"{WORKFLOW_PAGE}/jobs/7", REPORT)
    assert details.missing == (
        MissingDetail(want=DetailKind.JOBS, reason="CircleCI answered 503", is_final=False),
        MissingDetail(want=DetailKind.VCS, reason="CircleCI answered 503", is_final=False),
    )
    assert details.may_improve

    instance.answers |= GOOD
    better = await instance.enrich(*ALL, known=details)
    assert sorted(instance.asked) == ["/pipeline/p1", "/project/gh/acme/shop/job/7", "/workflow/w1/job"]
    assert (better.missing, better.rounds) == ((), 2)
    assert better.jobs == (await Instance(GOOD).enrich(*ALL)).jobs


async def test_unavailable_list_leaves_jobs_and_tests_missing_and_keeps_known_jobs() -> None:
    instance = Instance({**GOOD, "/workflow/w1/job": 500})
    earlier = (JobReport(name="unit", status="failed", number=7),)
    known = Details(
        wanted=frozenset({DetailKind.JOBS}),
        jobs=earlier,
        missing=(MissingDetail(want=DetailKind.JOBS, reason="x", is_final=False),),
    )

    details = await instance.enrich(DetailKind.JOBS, DetailKind.TESTS, known=known)

    assert details.jobs == earlier
    assert [(missing.want, missing.reason) for missing in details.missing] == [
        (DetailKind.JOBS, "CircleCI answered 500"),
        (DetailKind.TESTS, "CircleCI answered 500"),
    ]


@pytest.mark.parametrize(("status", "rounds", "is_final"), [(500, 10, False), (500, 11, True), (503, 11, False)])
async def test_failing_endpoint_is_asked_twelve_times(status: int, rounds: int, is_final: bool) -> None:
    instance = Instance({**GOOD, "/workflow/w1/job": status})
    gap = MissingDetail(want=DetailKind.JOBS, reason="x", is_final=False)

    details = await instance.enrich(
        DetailKind.JOBS, known=Details(wanted=frozenset({DetailKind.JOBS}), rounds=rounds, missing=(gap,))
    )

    assert [(one.reason, one.is_final) for one in details.missing] == [(f"CircleCI answered {status}", is_final)]


async def test_missing_detail_that_is_not_wanted_now_stays_missing() -> None:
    missing = MissingDetail(want=DetailKind.VCS, reason="x", is_final=False)

    details = await Instance(GOOD).enrich(
        DetailKind.ACTOR, known=Details(wanted=frozenset({DetailKind.VCS}), missing=(missing,))
    )

    assert details.missing == (missing,)
    assert details.wanted == {DetailKind.VCS, DetailKind.ACTOR}


async def test_many_jobs_that_miss_one_thing_for_one_reason_are_one_missing() -> None:
    failed = [{"name": f"job {number}", "status": "failed", "job_number": number} for number in range(3)]

    details = await Instance({"/workflow/w1/job": {"items": failed}}).enrich(DetailKind.JOBS)

    assert len(details.missing) == 1
