"""Quiet hours and silences: what is kept back, and what is told when they end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import Temporary
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import job_completed
from tests.support.app_fixture import RED, Clock, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

MAIN = "acme/web main"
EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)  # a Monday, 20:00 in Oslo
MORNING = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - name: main
    match: {%s}
    receiver: web
    active: {days: mon-fri, hours: "08:00-18:00", timezone: Europe/Oslo}
"""
FOLLOWS, HEARS_ALL = "branch: main", "branch: main, status: '*'"


@pytest.fixture
async def night(folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman in the evening, whose route follows changes."""
    async with an_instance(folder, ROUTES % FOLLOWS, clock=Clock(now=EVENING)) as instance:
        yield instance


def run(number: int, status: str, **changes: Any) -> Run:
    """A run of the workflow on main, which ends as many minutes after the evening's begin as its number says."""
    return replace(RED, number=1500 + number, status=status, pushed_at=EVENING + timedelta(minutes=number), **changes)


async def finish(instance: Instance, *runs: Run) -> list[str]:
    """End runs, each at its time; the events' ids."""
    found = []
    for one in runs:
        instance.clock.now = max(instance.clock.now, one.pushed_at + timedelta(minutes=10))
        found.append(await instance.finish(one))
        await instance.drain(minutes=3)
    return found


async def wake_up(instance: Instance, at: datetime = MORNING) -> list[str]:
    """Come to a time; the titles of what is told then, of messages about main only where."""
    before = len(instance.channels.took)
    instance.clock.now = at
    await instance.drain()
    titles = [message.title for _, message in instance.channels.took[before:]]
    return [MAIN if title.startswith(MAIN) else title for title in titles]


@pytest.mark.long
async def test_what_is_still_red_in_the_morning_is_told_once(night: Instance) -> None:
    [event, *_] = await finish(night, run(1, "failed"), run(20, "failed"))
    [decision] = (await night.show(event))["decisions"]
    [waiting] = (await night.http.get("/api/v1/notifications?state=pending")).json()["items"][:1]

    assert night.channels.told == []
    assert decision["reason"].endswith("web (json) hears of it after quiet hours, from 2026-03-03 08:00 Europe/Oslo on")
    assert (waiting["waits_for"], waiting["next_attempt_at"]) == ("hours", "2026-03-03T07:00:00.000Z")
    assert await wake_up(night, MORNING - timedelta(minutes=1)) == []
    assert await wake_up(night) == [MAIN]
    text = night.channels.took[-1][1].text
    assert "Red since 2026-03-02 20:" in text
    assert "quiet until 08:00 (Europe/Oslo)." in text
    assert await wake_up(night, MORNING + timedelta(hours=2)) == []


@pytest.mark.long
async def test_what_was_fixed_meanwhile_stands_in_the_summary_only(night: Instance) -> None:
    await finish(night, run(1, "failed"), run(20, "failed"), run(40, "success"))

    assert await wake_up(night) == ["Kept back in quiet hours: 1 message"]
    text = night.channels.took[-1][1].text
    assert "acme/web main build-and-test: 1 failed, the last at Mon 20:" in text
    assert "; fixed at Mon 20:" in text
    [shown] = [one for one in (await night.http.get("/api/v1/notifications")).json()["items"] if one["state"] == "sent"]
    assert (shown["news"], shown["event_id"], shown["waits_for"]) == ("summary", None, None)


async def test_a_night_without_trouble_has_no_summary(night: Instance) -> None:
    await finish(night, run(1, "success"), run(20, "success"))

    assert await wake_up(night) == []


@pytest.mark.long
async def test_who_was_told_red_is_told_in_the_morning_that_it_was_fixed(folder: Path) -> None:
    async with an_instance(folder, ROUTES % FOLLOWS, clock=Clock(now=EVENING - timedelta(hours=4))) as instance:
        await finish(instance, run(-240, "failed"))
        assert len(instance.channels.told) == 1
        await finish(instance, run(1, "success"))

        assert await wake_up(instance) == [MAIN]
        assert "Quiet until 08:00 (Europe/Oslo)." in instance.channels.took[-1][1].text


@pytest.mark.long
async def test_a_route_that_hears_every_run_is_told_what_is_red_and_a_summary(folder: Path) -> None:
    other = {"workflow": "nightly"}
    async with an_instance(folder, ROUTES % HEARS_ALL, clock=Clock(now=EVENING)) as instance:
        await finish(
            instance, run(1, "failed"), run(20, "failed"), run(40, "success", **other), run(60, "failed", **other),
            run(80, "success", **other),
        )  # fmt: skip

        assert sorted(await wake_up(instance)) == [
            "Kept back in quiet hours: 3 messages",
            MAIN,
        ]
        [summary] = [message.text for _, message in instance.channels.took if message.title.startswith("Kept")]
    assert "acme/web main nightly: 2 success, 1 failed, the last at Mon 21:" in summary
    assert "build-and-test" not in summary


@pytest.mark.long
async def test_jobs_stand_in_the_summary(folder: Path) -> None:
    async with an_instance(
        folder, ROUTES % "event: job-completed, status: failed", clock=Clock(now=EVENING)
    ) as instance:
        red = run(1, "failed")
        await instance.post(job_completed(red, next(job for job in red.jobs if job.status == "failed")))
        await instance.drain()

        assert await wake_up(instance) == ["Kept back in quiet hours: 1 message"]
        assert "acme/web main build-and-test unit-tests: 1 failed" in instance.channels.took[-1][1].text


@pytest.mark.long
async def test_urgent_routes_tell_at_all_hours(folder: Path) -> None:
    async with an_instance(folder, ROUTES % FOLLOWS + "    urgent: true\n", clock=Clock(now=EVENING)) as instance:
        await finish(instance, run(1, "failed"))

        assert len(instance.channels.told) == 1


async def test_what_waits_survives_a_restart(folder: Path) -> None:
    async with an_instance(folder, ROUTES % FOLLOWS, clock=Clock(now=EVENING)) as instance:
        await finish(instance, run(1, "failed"))
    async with an_instance(folder, ROUTES % FOLLOWS, clock=Clock(now=MORNING)) as instance:
        assert await wake_up(instance) == [MAIN]


async def test_details_that_come_end_no_quiet_hours(night: Instance) -> None:
    await finish(night, run(1, "failed"))
    await night.drain(minutes=10)

    assert night.channels.told == []
    assert night.fetches() == []


@pytest.mark.long
async def test_a_person_may_send_it_before_the_hours_begin(night: Instance) -> None:
    await finish(night, run(1, "failed"))
    waiting = (await night.http.get("/api/v1/notifications?state=pending")).json()["items"]
    [mine] = [one["id"] for one in waiting if one["news"] == "broke"]

    await night.act(f"notifications/{mine}/resend")
    await night.drain()

    assert night.channels.told == ["web (json)"]
    assert await wake_up(night) == []


# Silences

SILENCE: dict[str, Any] = {"matchers": {"branch": "main"}, "until": "2h", "comment": "a new runner"}
ALWAYS = (ROUTES % FOLLOWS).partition("    active:")[0]


async def silence(instance: Instance, **changes: Any) -> str:
    response = await instance.http.post("/api/v1/silences", json=SILENCE | changes)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


@pytest.fixture
async def day(folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman without quiet hours."""
    async with an_instance(folder, ALWAYS, clock=Clock(now=EVENING)) as instance:
        yield instance


@pytest.mark.long
async def test_what_is_red_when_a_silence_ends_is_told_once(day: Instance) -> None:
    await silence(day)
    events = await finish(day, run(1, "failed"), run(20, "failed"))
    verdicts = [(await day.show(event))["decisions"][0]["verdict"] for event in events]

    assert (day.channels.told, verdicts) == ([], ["silenced", "not_matched"])
    assert await wake_up(day, EVENING + timedelta(hours=2)) == [MAIN]
    assert "Red since 19:" in day.channels.took[-1][1].text
    assert await wake_up(day, EVENING + timedelta(hours=4)) == []


async def test_what_was_fixed_in_a_silence_is_not_told(day: Instance) -> None:
    await silence(day)
    await finish(day, run(1, "failed"), run(20, "success"))

    assert await wake_up(day, EVENING + timedelta(hours=3)) == []


@pytest.mark.long
async def test_who_was_told_red_hears_after_the_silence_that_it_was_fixed(day: Instance) -> None:
    await finish(day, run(1, "failed"))
    await silence(day)
    await finish(day, run(20, "success"))
    assert len(day.channels.told) == 1

    assert await wake_up(day, EVENING + timedelta(hours=3)) == [MAIN]


@pytest.mark.long
async def test_a_silence_that_is_ended_early_lets_go_what_it_kept_back(day: Instance) -> None:
    first, second = await silence(day), await silence(day, until="1h")
    await finish(day, run(1, "failed"))

    await day.http.delete(f"/api/v1/silences/{first}")
    await day.drain()
    assert day.channels.told == []  # the other one fits too
    await day.http.delete(f"/api/v1/silences/{second}")
    await day.drain()

    assert day.channels.told == ["web (json)"]


@pytest.mark.long
async def test_a_silence_that_ends_in_quiet_hours_is_followed_by_them(night: Instance) -> None:
    await silence(night)
    await finish(night, run(1, "failed"))

    assert await wake_up(night, EVENING + timedelta(hours=3)) == []
    assert await wake_up(night) == [MAIN]


async def test_what_a_silence_and_then_quiet_hours_kept_back_stands_in_their_summary(night: Instance) -> None:
    await silence(night)
    await finish(night, run(1, "failed"))
    await wake_up(night, EVENING + timedelta(hours=3))
    await finish(night, run(300, "success"))

    assert await wake_up(night) == ["Kept back in quiet hours: 1 message"]


@pytest.mark.long
async def test_a_summary_that_is_sent_again_says_all_that_it_said_before(night: Instance) -> None:
    await finish(night, run(1, "failed"), run(20, "success"))
    night.channels.plan["web (json)"] = [Temporary("busy")]
    assert await wake_up(night) == []

    assert await wake_up(night, MORNING + timedelta(minutes=30)) == ["Kept back in quiet hours: 1 message"]
    assert "1 failed" in night.channels.took[-1][1].text
