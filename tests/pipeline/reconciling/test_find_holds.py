"""A workflow that waits for an approval is an event, told once by routes that ask for it, and ends with a name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.errors import Temporary
from service.testing.fake_circleci.organization import GRACE, JobRun, Run
from tests.support.app_fixture import RED, House, a_house

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
async def house(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        await steps(house, 1)
        yield house


def run(house: House, number: int, status: str, *jobs: JobRun) -> Run:
    pushed_at = house.clock.now - timedelta(minutes=10)
    return replace(RED, number=number, status=status, pushed_at=pushed_at, jobs=jobs or RED.jobs)


def held(house: House) -> Run:
    build = JobRun(name="build", number=1, lasts_s=60)
    return run(house, 1490, "on_hold", build, JobRun(name="may-ship", status="on_hold", is_approval=True, starts_s=60))


def titles(house: House) -> list[str]:
    return [message.title for _, message in house.channels.took]


async def steps(house: House, count: int) -> None:
    for _ in range(count):
        house.clock.tick(seconds=60)
        await house.service.pipeline.reconcile()
        await house.drain()


def approved(waiting: Run) -> Run:
    build, approval = waiting.jobs
    done = replace(approval, status="success", approved_by=GRACE)
    return replace(waiting, status="success", jobs=(build, done))


@pytest.mark.long
async def test_hold_is_told_once_and_ends_with_the_name_of_who_approved(house: House) -> None:
    waiting = held(house)
    house.pretend.run_finished(waiting)
    await steps(house, 8)

    [(_, message)] = house.channels.took
    assert message.title == "acme/web main: may-ship of build-and-test waits for approval"
    assert house.rows(HOLDS) == [("may-ship", "build-and-test", "main", None, None)]
    assert house.rows("SELECT kind, via, status FROM events WHERE kind = 'workflow-held'") == [
        ("workflow-held", "reconcile", "on_hold")
    ]

    house.pretend.run_finished(approved(waiting))
    await steps(house, 8)

    assert house.rows(HOLDS) == [("may-ship", "build-and-test", "main", "approved", "Grace Example")]
    [_, (_, message)] = house.channels.took
    assert message.title == "acme/web main: may-ship of build-and-test was approved"
    assert message.text.startswith("Approved by Grace Example after ")


@pytest.mark.long
async def test_hold_is_reminded_of_until_it_ends(folder: Path) -> None:
    routes = ROUTES.replace("    receiver: leads\n", "    receiver: leads\n    repeat: 1h\n")
    async with a_house(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        waiting = held(house)
        house.pretend.run_finished(waiting)
        await steps(house, 6)
        assert len(house.channels.took) == 1
        house.clock.tick(hours=1)
        await steps(house, 3)
        assert len(house.channels.took) == 2
        house.pretend.run_finished(approved(waiting))
        house.clock.tick(minutes=20)
        await steps(house, 6)
        house.clock.tick(hours=2)
        await steps(house, 3)

    waits = "acme/web main: may-ship of build-and-test waits for approval"
    assert titles(house) == [waits, waits, "acme/web main: may-ship of build-and-test was approved"]


@pytest.mark.long
@pytest.mark.parametrize(("days", "told"), [(3, 1), (8, 0)])
async def test_hold_that_is_found_late_is_told_within_a_week(folder: Path, days: int, told: int) -> None:
    """Roundsman was away: the approval is still waited for."""
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        await steps(house, 1)
        house.pretend.run_finished(replace(held(house), pushed_at=house.clock.now - timedelta(days=days)))
        await steps(house, 8)

        assert house.rows(HOLDS) == [("may-ship", "build-and-test", "main", None, None)]
        assert len(house.channels.took) == told


@pytest.mark.long
async def test_canceled_hold_ends_without_a_name(house: House) -> None:
    waiting = held(house)
    house.pretend.run_finished(waiting)
    await steps(house, 6)
    build, approval = waiting.jobs
    house.pretend.run_finished(replace(waiting, status="canceled", jobs=(build, replace(approval, status="canceled"))))
    await steps(house, 8)

    assert house.rows(HOLDS) == [("may-ship", "build-and-test", "main", "canceled", None)]
    assert titles(house)[1:] == ["acme/web main: may-ship of build-and-test was canceled"]
    assert house.channels.took[1][1].text.startswith("Canceled after ")


@pytest.mark.long
@pytest.mark.parametrize(
    ("status", "expected"),
    [("on_hold", ["waits for approval"]), ("approved", ["was approved"]), ("canceled", [])],
)
async def test_route_chooses_by_status_what_it_hears(folder: Path, status: str, expected: list[str]) -> None:
    routes = ROUTES.replace("branch: main", f"branch: main, status: {status}")
    async with a_house(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        waiting = held(house)
        house.pretend.run_finished(waiting)
        await steps(house, 5)
        house.pretend.run_finished(approved(waiting))
        await steps(house, 8)

        assert titles(house) == [f"acme/web main: may-ship of build-and-test {words}" for words in expected]


@pytest.mark.long
async def test_hold_that_was_not_told_before_it_ended_is_not_told_at_all(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        house.channels.plan["leads (json)"] = [Temporary("busy", retry_after_s=900)]
        waiting = held(house)
        house.pretend.run_finished(waiting)
        await steps(house, 5)
        house.pretend.run_finished(approved(waiting))
        await steps(house, 20)

        assert house.channels.tried == ["leads (json)"]
        assert house.channels.took == []
        assert house.rows("SELECT state, reason FROM notifications") == [("dropped", "it was approved meanwhile")]
        [event_id] = [str(one) for (one,) in house.rows("SELECT id FROM events WHERE status = 'approved'")]
        [decision] = (await house.show(event_id))["decisions"]
        assert "leads (json) was not told that it waits" in decision["reason"]


@pytest.mark.long
async def test_project_may_be_left_out_of_holds(folder: Path) -> None:
    routes = f"{ROUTES}projects:\n  gh/acme/web: {{holds: false}}\n"
    async with a_house(folder, routes, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        waiting = held(house)
        house.pretend.run_finished(waiting)
        await steps(house, 6)
        house.pretend.run_finished(replace(waiting, status="failed"))
        await steps(house, 8)

        assert house.rows(HOLDS) == []
        assert house.channels.told == []
        assert sorted(house.rows("SELECT via, status FROM events")) == [
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
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v2") as house:
        await house.finish(run(house, 1480, "success"))
        await house.drain()
        house.change("UPDATE events SET workflow_url = ?", page)
        waiting = held(house)
        house.pretend.run_finished(waiting)
        await steps(house, 6)

        [(_, message)] = house.channels.took
        assert message.url == f"{app}/pipelines/github/acme/web/1490/workflows/{waiting.workflow_id}"
        assert house.rows("SELECT url FROM holds") == [(message.url,)]
