"""A history with holes is made whole by asking CircleCI, and no channel is told twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.model import posted_slug
from service.pipeline.steps import Pipeline
from service.testing.fake_circleci.faults import Fault, broken, html_page, too_many
from service.testing.fake_circleci.organization import WEB, Project, Run
from service.testing.fake_circleci.payloads import job_completed, workflow_completed
from tests.support.app_fixture import GREEN, RED, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: main}
    receiver: web
"""
EVENTS = "SELECT via, kind, status FROM events ORDER BY place"
RECORDED = "SELECT pipeline_number, transition, is_late FROM runs ORDER BY pipeline_number, created_at"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        yield instance


def run(instance: Instance, number: int, status: str = "success", *, minutes_ago: float = 10, **more: object) -> Run:
    """A run that began some minutes ago, and has lasted for some of them."""
    pushed_at = instance.clock.now - timedelta(minutes=minutes_ago)
    base = RED if status == "failed" else GREEN
    return replace(base, number=number, status=status, pushed_at=pushed_at, waited_s=0, **more)  # type: ignore[arg-type]


def missed(instance: Instance, *runs: Run) -> None:
    """Runs of which CircleCI posts nothing."""
    for one in runs:
        instance.pretend.run_finished(one)


async def reconcile(instance: Instance, *, steps: int = 1, seconds: float = 60) -> list[str]:
    """Take steps, a minute after each other; the calls that they make."""
    before = len(instance.pretend.calls)
    for _ in range(steps):
        instance.clock.tick(seconds=seconds)
        await instance.service.pipeline.reconcile()
        calls = len(instance.pretend.calls)
        await instance.drain()
        del instance.pretend.calls[calls:]
    return [call.path for call in instance.pretend.calls[before:]]


async def begin(instance: Instance) -> None:
    """A project with one run that was posted, and a process that has begun to reconcile."""
    await instance.finish(run(instance, 1480, minutes_ago=30))
    await instance.drain()
    await reconcile(instance)


@pytest.mark.long
async def test_missed_workflow_is_found_within_five_minutes_and_told_once(instance: Instance) -> None:
    await begin(instance)
    red = run(instance, 1490, "failed", minutes_ago=6)
    missed(instance, red)

    await reconcile(instance, steps=5)

    assert instance.rows(EVENTS)[-1] == ("reconcile", "workflow-completed", "failed")
    assert instance.rows(RECORDED) == [(1480, "passed", 0), (1490, "broke", 0)]
    assert instance.rows("SELECT DISTINCT project_slug, project_name, org FROM events") == [
        (posted_slug(WEB.slug), WEB.name, "acme")
    ]
    assert instance.channels.told == ["web (json)"]
    assert instance.counted("webhooks_missed", kind="workflow-completed") == 1


@pytest.mark.long
async def test_webhook_that_comes_after_all_tells_no_channel_again(instance: Instance) -> None:
    await begin(instance)
    red = run(instance, 1490, "failed", minutes_ago=6)
    missed(instance, red)
    await reconcile(instance, steps=3)
    told = list(instance.channels.told)

    event_id = await instance.post(workflow_completed(red))
    await instance.drain()
    await reconcile(instance, steps=5)

    assert instance.channels.told == told != []
    assert (await instance.show(event_id))["decisions"][0]["verdict"] == "already_told"
    assert [via for via, *_ in instance.rows(EVENTS)] == ["webhook", "reconcile", "webhook"]


async def test_first_step_of_a_process_makes_no_call(instance: Instance) -> None:
    await instance.finish(run(instance, 1480))
    await instance.drain()

    assert await reconcile(instance) == []
    assert (await reconcile(instance))[0] == "/runs/search"


@pytest.mark.long
async def test_pipelines_that_are_whole_are_made_sure_of_once(instance: Instance) -> None:
    await begin(instance)

    calls = await reconcile(instance, steps=10)

    assert calls.count(f"/pipeline/{run(instance, 1480).pipeline_id}/workflow") == 1
    assert calls.count("/runs/search") == 10  # half of them for what is on hold
    assert len(calls) == 11
    assert instance.rows("SELECT count(*) FROM pipelines_to_ask WHERE due_at IS NOT NULL") == [(0,)]


@pytest.mark.long
async def test_second_workflow_of_a_pipeline_is_found(instance: Instance) -> None:
    await begin(instance)
    first = run(instance, 1490)
    await instance.finish(first)
    await instance.drain()
    missed(instance, replace(first, workflow="nightly"))

    await reconcile(instance, steps=5)

    assert [number for number, *_ in instance.rows(RECORDED)] == [1480, 1490, 1490]


@pytest.mark.long
async def test_missing_job_is_found_where_jobs_are_posted(instance: Instance) -> None:
    await begin(instance)
    red = run(instance, 1490, "failed", minutes_ago=20)
    await instance.finish(red)
    await instance.post(job_completed(red, red.jobs[0]))
    await instance.drain()

    await reconcile(instance, steps=5)

    jobs = instance.rows("SELECT via, job_name FROM events WHERE has_job AND workflow_id = ?", red.workflow_id)
    assert [via for via, name in jobs if name == red.jobs[0].name] == ["webhook"]
    assert {name for via, name in jobs if via == "reconcile"} == {one.name for one in red.jobs[1:] if one.number}


@pytest.mark.long
async def test_pipeline_that_is_unfinished_for_days_is_asked_for_until_it_ends(instance: Instance) -> None:
    await begin(instance)
    waiting = run(instance, 1490, "on_hold", minutes_ago=6)
    missed(instance, waiting)
    await reconcile(instance, steps=3)
    await reconcile(instance, steps=3, seconds=86_400)
    assert instance.rows(RECORDED) == [(1480, "passed", 0)]

    pushed_at = instance.clock.now - timedelta(minutes=8)
    missed(instance, replace(waiting, status="failed", pushed_at=pushed_at))
    await reconcile(instance, steps=32)

    assert instance.rows(RECORDED)[-1] == (1490, "broke", 0)
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_old_ones_are_judged_and_not_told(instance: Instance) -> None:
    await begin(instance)
    missed(instance, run(instance, 1481, "failed", minutes_ago=75))
    instance.change("UPDATE reconciled_projects SET checked_until = ?", instance.clock.now - timedelta(hours=3))

    await reconcile(instance, steps=3)

    assert instance.rows(RECORDED) == [(1480, "passed", 0), (1481, "broke", 0)]
    assert instance.channels.told == []
    [event_id] = [one for (one,) in instance.rows("SELECT id FROM events WHERE via = 'reconcile'")]
    [decision] = (await instance.show(str(event_id)))["decisions"]
    assert decision["verdict"] == "late"
    assert "asking found it 1 h 11 min after its end" in decision["reason"]


@pytest.mark.long
async def test_older_run_than_those_on_record_is_late(instance: Instance) -> None:
    await begin(instance)
    missed(instance, run(instance, 1470, "failed", minutes_ago=50))

    await reconcile(instance, steps=4)

    assert instance.rows(RECORDED) == [(1470, "broke", 1), (1480, "fixed", 0)]
    assert instance.channels.told == []


@pytest.mark.long
async def test_watermark_survives_a_restart(instance: Instance) -> None:
    await begin(instance)
    await reconcile(instance, steps=2)
    missed(instance, run(instance, 1490, "failed", minutes_ago=1))
    instance.service = replace(instance.service, pipeline=Pipeline(instance.service.context))
    instance.clock.tick(hours=5)

    assert await reconcile(instance) == []
    await reconcile(instance, steps=4)

    assert instance.rows(RECORDED)[-1] == (1490, "broke", 0)


@pytest.mark.long
async def test_two_processes_find_it_once(instance: Instance) -> None:
    await begin(instance)
    other = Pipeline(instance.service.context)
    await other.reconcile()
    missed(instance, run(instance, 1490, "failed", minutes_ago=6))

    for _ in range(4):
        instance.clock.tick(seconds=60)
        await instance.service.pipeline.reconcile()
        await other.reconcile()
    await instance.drain()

    assert [via for via, *_ in instance.rows(EVENTS)] == ["webhook", "reconcile"]
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
@pytest.mark.parametrize("fault", [too_many("30"), too_many(None), broken(500)], ids=["429", "429 bare", "500"])
async def test_faults_in_the_middle_lose_nothing(instance: Instance, fault: Fault) -> None:
    await begin(instance)
    missed(instance, *(run(instance, number, "failed", minutes_ago=6) for number in (1490, 1491, 1492)))
    instance.pretend.faults.next("/runs/search", fault)
    instance.pretend.faults.next("/pipeline/*/workflow", fault)
    instance.pretend.faults.next("/pipeline/*", fault)

    await reconcile(instance, steps=15)

    assert [number for number, *_ in instance.rows(RECORDED)] == [1480, 1490, 1491, 1492]
    assert len(instance.channels.told) == 1


@pytest.mark.long
async def test_an_answer_that_cannot_be_read_puts_off_its_pipeline_alone(instance: Instance) -> None:
    await begin(instance)
    missed(instance, *(run(instance, number, "failed", minutes_ago=6) for number in (1490, 1491, 1492)))
    instance.pretend.faults.next("/pipeline/*/workflow", html_page(200), times=2)

    await reconcile(instance, steps=2)
    assert [number for number, *_ in instance.rows(RECORDED)][:1] == [1480]
    assert len(instance.rows(RECORDED)) == 2

    await reconcile(instance, steps=6)
    assert [number for number, *_ in instance.rows(RECORDED)] == [1480, 1490, 1491, 1492]


@pytest.mark.long
async def test_budget_bounds_the_calls_of_a_step_and_the_rest_follows(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_RECONCILE_CALLS="4") as instance:
        await begin(instance)
        missed(instance, *(run(instance, number, minutes_ago=20 - number / 100) for number in range(1490, 1540)))
        made = [len(await reconcile(instance)) for _ in range(40)]

        assert max(made) == 4
        assert len(instance.rows(RECORDED)) == 51


@pytest.mark.long
async def test_server_is_asked_by_organization_and_by_project(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v2") as instance:
        await begin(instance)
        api = replace(run(instance, 871, minutes_ago=30), project=Project(name="shop-api"))
        await instance.finish(api)
        await instance.drain()
        missed(
            instance,
            run(instance, 1490, "failed", minutes_ago=6),
            replace(api, number=872, pushed_at=instance.clock.now - timedelta(minutes=9)),
        )
        calls = await reconcile(instance, steps=6)

        assert [number for number, *_ in instance.rows(RECORDED)] == [871, 872, 1480, 1490]
        assert "/pipeline" in calls
        assert "/runs/search" not in calls


@pytest.mark.long
async def test_project_may_be_left_out(folder: Path) -> None:
    routes = f"{ROUTES}projects:\n  gh/acme/*: {{reconcile: false}}\n"
    async with an_instance(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await begin(instance)

        assert await reconcile(instance, steps=5) == []


@pytest.mark.long
async def test_setting_turns_it_off(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_RECONCILE="0") as instance:
        await begin(instance)

        assert await reconcile(instance, steps=5) == []


@pytest.mark.long
async def test_wide_gaps_are_told_to_the_operators_and_shown(folder: Path) -> None:
    routes = f"{ROUTES}operators: {{receiver: web}}\n"
    async with an_instance(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await begin(instance)
        missed(instance, *(run(instance, number, minutes_ago=20) for number in (1490, 1491, 1492)))
        await reconcile(instance, steps=10)
        [(_, alarm)] = instance.channels.took
        gaps = (await instance.http.get("/health.json", headers={"authorization": f"Bearer {ADMIN_TOKEN}"})).json()[
            "webhooks"
        ]["gaps"]

    assert alarm.title == "Roundsman: webhooks of CircleCI do not come"
    assert "Of 4 workflows that ended within a day the webhooks of 3 did not come" in alarm.text
    assert {name: gaps[name] for name in ("runs", "missed", "late", "rate")} == {
        "runs": 4,
        "missed": 3,
        "late": 0,
        "rate": 0.75,
    }
