"""A workflow that waits for an approval is an event, told once by routes that ask for it, and ends with a name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.errors import Temporary
from service.testing.fake_circleci.organization import GRACE, JobRun, Run
from tests.support.app_fixture import RED, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  leads: {channels: [json://leads.example.com]}
routes:
  - match: {event: workflow-held, branch: main}
    receiver: leads
"""
HOLDS = "SELECT job, workflow, branch, ended_as, approved_by FROM holds"


@pytest.fixture(params=["v3", "v2"])
async def instance(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        await steps(instance, 1)
        yield instance


def run(instance: Instance, number: int, status: str, *jobs: JobRun) -> Run:
    pushed_at = instance.clock.now - timedelta(minutes=10)
    return replace(RED, number=number, status=status, pushed_at=pushed_at, jobs=jobs or RED.jobs)


def held(instance: Instance) -> Run:
    build = JobRun(name="build", number=1, lasts_s=60)
    return run(
        instance, 1490, "on_hold", build, JobRun(name="may-ship", status="on_hold", is_approval=True, starts_s=60)
    )


def titles(instance: Instance) -> list[str]:
    return [message.title for _, message in instance.channels.took]


async def steps(instance: Instance, count: int) -> None:
    for _ in range(count):
        instance.clock.tick(seconds=60)
        await instance.service.pipeline.reconcile()
        await instance.drain()


def approved(waiting: Run) -> Run:
    build, approval = waiting.jobs
    done = replace(approval, status="success", approved_by=GRACE)
    return replace(waiting, status="success", jobs=(build, done))


@pytest.mark.long
async def test_hold_is_told_once_and_ends_with_the_name_of_who_approved(instance: Instance) -> None:
    waiting = held(instance)
    instance.pretend.run_finished(waiting)
    await steps(instance, 8)

    [(_, message)] = instance.channels.took
    assert message.title == "acme/web main: may-ship of build-and-test waits for approval"
    assert instance.rows(HOLDS) == [("may-ship", "build-and-test", "main", None, None)]
    assert instance.rows("SELECT kind, via, status FROM events WHERE kind = 'workflow-held'") == [
        ("workflow-held", "reconcile", "on_hold")
    ]

    instance.pretend.run_finished(approved(waiting))
    await steps(instance, 8)

    assert instance.rows(HOLDS) == [("may-ship", "build-and-test", "main", "approved", "Grace Example")]
    [_, (_, message)] = instance.channels.took
    assert message.title == "acme/web main: may-ship of build-and-test was approved"
    assert message.text.startswith("Approved by Grace Example after ")


@pytest.mark.long
async def test_hold_is_reminded_of_until_it_ends(folder: Path) -> None:
    routes = ROUTES.replace("    receiver: leads\n", "    receiver: leads\n    repeat: 1h\n    continue: true\n")
    routes = routes.replace("receivers:\n", "receivers:\n  once: {channels: [json://once.example.com]}\n")
    routes += "  - {match: {event: workflow-held, status: on_hold}, receiver: once}\n"
    async with an_instance(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        waiting = held(instance)
        instance.pretend.run_finished(waiting)
        await steps(instance, 6)
        assert sorted(instance.channels.told) == ["leads (json)", "once (json)"]
        instance.clock.tick(hours=1)
        await steps(instance, 3)
        assert instance.channels.told[2:] == ["leads (json)"]
        instance.pretend.run_finished(approved(waiting))
        instance.clock.tick(minutes=20)
        await steps(instance, 6)
        instance.clock.tick(hours=2)
        await steps(instance, 3)

    waits = "acme/web main: may-ship of build-and-test waits for approval"
    assert titles(instance) == [waits] * 3 + ["acme/web main: may-ship of build-and-test was approved"]


@pytest.mark.long
@pytest.mark.parametrize(("days", "told"), [(3, 1), (8, 0)])
async def test_hold_that_is_found_late_is_told_within_a_week(folder: Path, days: int, told: int) -> None:
    """Roundsman was away: the approval is still waited for."""
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        await steps(instance, 1)
        instance.pretend.run_finished(replace(held(instance), pushed_at=instance.clock.now - timedelta(days=days)))
        await steps(instance, 8)

        assert instance.rows(HOLDS) == [("may-ship", "build-and-test", "main", None, None)]
        assert len(instance.channels.took) == told


@pytest.mark.long
async def test_canceled_hold_ends_without_a_name(instance: Instance) -> None:
    waiting = held(instance)
    instance.pretend.run_finished(waiting)
    await steps(instance, 6)
    build, approval = waiting.jobs
    instance.pretend.run_finished(
        replace(waiting, status="canceled", jobs=(build, replace(approval, status="canceled")))
    )
    await steps(instance, 8)

    assert instance.rows(HOLDS) == [("may-ship", "build-and-test", "main", "canceled", None)]
    assert titles(instance)[1:] == ["acme/web main: may-ship of build-and-test was canceled"]
    assert instance.channels.took[1][1].text.startswith("Canceled after ")


@pytest.mark.long
@pytest.mark.parametrize(
    ("status", "expected"),
    [("on_hold", ["waits for approval"]), ("approved", ["was approved"]), ("canceled", [])],
)
async def test_route_chooses_by_status_what_it_hears(folder: Path, status: str, expected: list[str]) -> None:
    routes = ROUTES.replace("branch: main", f"branch: main, status: {status}")
    async with an_instance(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        waiting = held(instance)
        instance.pretend.run_finished(waiting)
        await steps(instance, 5)
        instance.pretend.run_finished(approved(waiting))
        await steps(instance, 8)

        assert titles(instance) == [f"acme/web main: may-ship of build-and-test {words}" for words in expected]


@pytest.mark.long
async def test_hold_that_was_not_told_before_it_ended_is_not_told_at_all(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        instance.channels.plan["leads (json)"] = [Temporary("busy", retry_after_s=900)]
        waiting = held(instance)
        instance.pretend.run_finished(waiting)
        await steps(instance, 5)
        instance.pretend.run_finished(approved(waiting))
        await steps(instance, 20)

        assert instance.channels.tried == ["leads (json)"]
        assert instance.channels.took == []
        assert instance.rows("SELECT state, reason FROM notifications") == [("dropped", "it was approved meanwhile")]
        [event_id] = [str(one) for (one,) in instance.rows("SELECT id FROM events WHERE status = 'approved'")]
        [decision] = (await instance.show(event_id))["decisions"]
        assert "leads (json) was not told that it waits" in decision["reason"]


@pytest.mark.long
async def test_project_may_be_left_out_of_holds(folder: Path) -> None:
    routes = f"{ROUTES}projects:\n  gh/acme/web: {{holds: false}}\n"
    async with an_instance(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        waiting = held(instance)
        instance.pretend.run_finished(waiting)
        await steps(instance, 6)
        instance.pretend.run_finished(replace(waiting, status="failed"))
        await steps(instance, 8)

        assert instance.rows(HOLDS) == []
        assert instance.channels.told == []
        assert sorted(instance.rows("SELECT via, status FROM events")) == [
            ("reconcile", "failed"),
            ("webhook", "success"),
        ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "app"),
    [
        (None, "http://app.circleci.example.com"),
        ("https://ci.example.org/pipelines/gh/acme/web/1/workflows/2", "https://ci.example.org"),
    ],
    ids=["by the address of its API", "as webhooks name it"],
)
async def test_link_to_approve_leads_to_the_web_app_of_a_server(folder: Path, page: str | None, app: str) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v2") as instance:
        await instance.finish(run(instance, 1480, "success"))
        await instance.drain()
        instance.change("UPDATE events SET workflow_url = ?", page)
        waiting = held(instance)
        instance.pretend.run_finished(waiting)
        await steps(instance, 6)

        [(_, message)] = instance.channels.took
        assert message.url == f"{app}/pipelines/github/acme/web/1490/workflows/{waiting.workflow_id}"
        assert instance.rows("SELECT url FROM holds") == [(message.url,)]
