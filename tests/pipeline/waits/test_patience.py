"""News of a red run wait while CircleCI may rerun it by itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.circleci.circleci import CircleCI
from service.model import Silence
from service.store.incidents import silences
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import NINE, RED, SECRET, Clock, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {%s}
    receiver: web
projects:
  gh/acme/*: {rerun_wait: %s}
"""
MAIN = "branch: main"
NEWS = """
    SELECT news, workflow_auto_rerun_number, state FROM notifications JOIN events ON events.id = notifications.event_id
    ORDER BY notifications.created_at, notifications.id
"""


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES % (MAIN, "10m")) as instance:
        yield instance


def rerun(number: int, status: str, *, most: int = 2, pipeline: int = 1487, **changes: Any) -> Run:
    """A run that ends as many times four minutes after the first as its number says; it takes a minute."""
    jobs = tuple(replace(job, starts_s=0, lasts_s=60) for job in RED.jobs)
    one = replace(RED, jobs=jobs, number=pipeline, status=status, attempt=number + 1, auto_reruns=(number, most))
    return replace(one, waited_s=240 * number, pushed_at=NINE - timedelta(minutes=1), **changes)


async def finish(instance: Instance, run: Run, **later: float) -> str:
    """End a run at its time, or a little later; the event's id."""
    instance.clock.now = max(instance.clock.now, run.stopped_at)
    event_id = await instance.finish(run)
    await instance.drain(**later)
    return event_id


def told(instance: Instance) -> list[str]:
    return [str(message.news) for _, message in instance.channels.took]


async def wait_until(instance: Instance, now: datetime) -> list[str]:
    instance.clock.now = now
    await instance.drain()
    return told(instance)


async def status_of(instance: Instance, event_id: str) -> tuple[str, str, str]:
    """What waits of an event: its state, what it waits for, and until when."""
    [one] = (await instance.show(event_id))["notifications"]
    return one["state"], one["waits_for"], one["next_attempt_at"]


@pytest.mark.long
async def test_nothing_is_told_if_the_automatic_rerun_turns_green(instance: Instance) -> None:
    event_id = await finish(instance, rerun(0, "failed"))

    assert await status_of(instance, event_id) == ("pending", "rerun", "2026-03-02T09:40:00.000Z")
    await finish(instance, rerun(1, "success"))
    assert await wait_until(instance, NINE + timedelta(hours=2)) == []
    [(state, reason)] = instance.rows("SELECT state, reason FROM notifications")
    assert (state, reason) == ("dropped", "a rerun of the same commit turned green before it was told")
    assert instance.rows("SELECT closed_because FROM incidents") == [("rerun",)]
    assert instance.rows("SELECT count(*) FROM told") == [(0,)]


@pytest.mark.long
async def test_one_message_tells_of_the_newest_red_and_counts_the_reruns_before(instance: Instance) -> None:
    for number in range(3):
        await finish(instance, rerun(number, "failed"))

    assert instance.rows(NEWS) == [("broke", 0, "dropped"), ("broke", 1, "dropped"), ("broke", 2, "sent")]
    [(_, message)] = instance.channels.took
    assert "2 automatic reruns were red too." in message.text
    await finish(instance, rerun(3, "success", most=2))
    assert told(instance) == ["broke", "fixed"]


@pytest.mark.long
async def test_each_red_rerun_is_waited_for_anew(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    event_id = await finish(instance, rerun(1, "failed"))

    assert await status_of(instance, event_id) == ("pending", "rerun", "2026-03-02T09:44:00.000Z")
    assert await wait_until(instance, NINE + timedelta(minutes=13, seconds=59)) == []
    assert await wait_until(instance, NINE + timedelta(minutes=14)) == ["broke"]
    [(_, message)] = instance.channels.took
    assert "Automatic rerun 2 of 2 has not turned green in time." in message.text
    assert "1 automatic rerun was red too." in message.text


@pytest.mark.long
async def test_the_wait_is_three_times_as_long_at_most_in_all(folder: Path) -> None:
    async with an_instance(folder, ROUTES % (MAIN, "5m")) as instance:
        for number in range(4):
            await finish(instance, rerun(number, "failed", most=5))

        # the fourth ended after 12 minutes: 5 more would be 17
        assert await wait_until(instance, NINE + timedelta(minutes=14, seconds=59)) == []
        assert await wait_until(instance, NINE + timedelta(minutes=15)) == ["broke"]


@pytest.mark.long
async def test_a_rerun_that_is_late_is_told_as_fixed_after_the_red(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    await wait_until(instance, NINE + timedelta(minutes=11))
    await finish(instance, rerun(1, "success"))

    assert told(instance) == ["broke", "fixed"]
    assert "Green after a rerun of the same commit." in instance.channels.took[-1][1].text


@pytest.mark.long
@pytest.mark.parametrize("last", [rerun(1, "error"), rerun(0, "failed", most=0), rerun(1, "failed", most=1)])
async def test_what_circleci_does_not_rerun_is_told_at_once(instance: Instance, last: Run) -> None:
    await finish(instance, last)

    assert told(instance) == ["broke"]


@pytest.mark.long
async def test_a_canceled_rerun_changes_nothing(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    await finish(instance, rerun(1, "canceled"))

    assert told(instance) == []
    assert await wait_until(instance, NINE + timedelta(minutes=10)) == ["broke"]


@pytest.mark.long
async def test_a_manual_rerun_is_told_at_once(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    manual = replace(rerun(1, "failed"), auto_reruns=(0, 2))
    await finish(instance, manual)

    assert instance.rows(NEWS) == [("broke", 0, "dropped"), ("broke", 0, "sent")]


@pytest.mark.long
async def test_the_red_of_a_newer_pipeline_takes_the_place_of_what_waits(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    event_id = await finish(instance, rerun(0, "failed", most=0, pipeline=1488))

    assert told(instance) == ["broke"]
    decisions = (await instance.show(event_id))["decisions"]
    assert "web (json) hears of it in place of the red run before" in decisions[0]["reason"]


async def test_the_green_of_a_newer_pipeline_ends_the_wait(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    await finish(instance, rerun(0, "success", pipeline=1488))

    assert await wait_until(instance, NINE + timedelta(hours=1)) == []
    assert instance.rows("SELECT reason FROM notifications") == [("the branch turned green before it was told",)]


@pytest.mark.long
async def test_a_channel_that_hears_only_what_broke_is_not_told_of_a_red_that_a_rerun_turned_green(
    folder: Path,
) -> None:
    async with an_instance(folder, ROUTES % ("transition: broke", "10m")) as instance:
        await finish(instance, rerun(0, "failed"))
        await finish(instance, rerun(1, "success"))

        assert await wait_until(instance, NINE + timedelta(hours=1)) == []


@pytest.mark.long
@pytest.mark.parametrize("match", ["status: failed", "branch: main, status: '*'"])
async def test_routes_that_hear_each_run_do_not_wait(folder: Path, match: str) -> None:
    async with an_instance(folder, ROUTES % (match, "10m")) as instance:
        await finish(instance, rerun(0, "failed"))

        assert told(instance) == ["run"]


@pytest.mark.long
async def test_zero_switches_patience_off(folder: Path) -> None:
    async with an_instance(folder, ROUTES % (MAIN, "0")) as instance:
        await finish(instance, rerun(0, "failed"))

        assert told(instance) == ["broke"]


async def test_without_a_token_there_is_no_patience(instance: Instance) -> None:
    source = instance.service.context.source
    assert isinstance(source, CircleCI)
    source.replace_credentials(secrets=(SECRET,), token=None)
    await finish(instance, rerun(0, "failed"))

    assert told(instance) == ["broke"]


async def test_facts_that_do_not_come_in_time_are_not_waited_for(instance: Instance) -> None:
    run = rerun(0, "failed")
    instance.clock.now = run.stopped_at
    await instance.post(workflow_completed(run))  # CircleCI's API does not know it
    await instance.drain()
    assert await wait_until(instance, NINE + timedelta(minutes=2)) == ["broke"]


@pytest.mark.long
@pytest.mark.parametrize(("took_min", "waits_min"), [(1, 5), (10, 12), (40, 30)])
async def test_without_a_setting_it_waits_as_long_as_the_run_took_within_limits(
    folder: Path, took_min: int, waits_min: int
) -> None:
    async with an_instance(folder, (ROUTES % (MAIN, "0")).partition("projects:")[0]) as instance:
        run = rerun(0, "failed")
        jobs = tuple(replace(job, lasts_s=60 * took_min) for job in run.jobs)
        event_id = await finish(instance, replace(run, jobs=jobs, pushed_at=NINE - timedelta(minutes=took_min)))

        until = NINE + timedelta(minutes=waits_min)
        assert await status_of(instance, event_id) == ("pending", "rerun", f"{until:%Y-%m-%dT%H:%M}:00.000Z")


@pytest.mark.long
async def test_what_waits_survives_a_restart(folder: Path) -> None:
    async with an_instance(folder, ROUTES % (MAIN, "10m")) as instance:
        await finish(instance, rerun(0, "failed"))
    async with an_instance(folder, ROUTES % (MAIN, "10m"), clock=Clock(now=NINE + timedelta(minutes=12))) as instance:
        await instance.drain()

        assert told(instance) == ["broke"]


@pytest.mark.long
async def test_both_posts_in_one_batch_wait_for_the_newest(instance: Instance) -> None:
    first, second = rerun(0, "failed"), rerun(1, "failed")
    instance.clock.now = second.stopped_at
    for run in (first, second):
        await instance.finish(run)
    await instance.drain()

    assert instance.rows(NEWS) == [("broke", 0, "dropped"), ("broke", 1, "pending")]
    assert await wait_until(instance, second.stopped_at + timedelta(minutes=10)) == ["broke"]


async def test_a_green_rerun_in_one_batch_with_the_red_is_told_to_no_channel(instance: Instance) -> None:
    first, second = rerun(0, "failed"), rerun(1, "success")
    instance.clock.now = second.stopped_at
    for run in (second, first):
        await instance.finish(run)
    await instance.drain()

    assert await wait_until(instance, NINE + timedelta(hours=1)) == []


@pytest.mark.long
async def test_quiet_hours_win(folder: Path) -> None:
    active = '    active: {days: mon-fri, hours: "08:00-09:35", timezone: UTC}\n'
    routes = (ROUTES % (MAIN, "10m")).replace("projects:", f"{active}projects:")
    async with an_instance(folder, routes) as instance:
        event_id = await finish(instance, rerun(0, "failed"))

        assert (await status_of(instance, event_id))[1] == "rerun"
        assert await wait_until(instance, NINE + timedelta(minutes=10)) == []
        assert await status_of(instance, event_id) == ("pending", "hours", "2026-03-03T08:00:00.000Z")
        assert await wait_until(instance, NINE + timedelta(days=1)) == ["broke"]


@pytest.mark.long
async def test_a_silence_wins(instance: Instance) -> None:
    event_id = await finish(instance, rerun(0, "failed"))
    silence = Silence(
        id=uuid4(),
        matchers=(),
        starts_at=NINE,
        ends_at=NINE + timedelta(hours=1),
        who="linh",
        comment="move",
        created_at=NINE,
    )
    await instance.service.context.store.write(silences.put, silence)

    assert await wait_until(instance, NINE + timedelta(minutes=10)) == []
    assert (await status_of(instance, event_id))[1] == "silence"
    assert await wait_until(instance, NINE + timedelta(hours=1)) == ["broke"]


@pytest.mark.long
@pytest.mark.parametrize("is_red_again", [False, True])
async def test_a_muted_incident_is_told_after_the_mute_if_it_is_red_still(
    instance: Instance, is_red_again: bool
) -> None:
    await finish(instance, rerun(0, "failed"))
    instance.change("UPDATE incidents SET muted_until = '2026-03-03 00:00:00'")
    if is_red_again:
        await finish(instance, rerun(1, "failed"))

    assert await wait_until(instance, NINE + timedelta(hours=2)) == []
    assert instance.rows("SELECT state, waits_for FROM notifications") == [("pending", "mute")]
    assert await wait_until(instance, NINE + timedelta(days=1)) == ["broke"]


async def test_a_muted_incident_that_a_rerun_turned_green_is_not_told(instance: Instance) -> None:
    await finish(instance, rerun(0, "failed"))
    instance.change("UPDATE incidents SET muted_until = '2026-03-03 00:00:00'")
    await finish(instance, rerun(1, "success"))

    assert await wait_until(instance, NINE + timedelta(days=1)) == []


async def test_a_tag_that_a_rerun_turned_green_is_not_told(folder: Path) -> None:
    async with an_instance(folder, ROUTES % ("transition: broke", "10m")) as instance:
        await finish(instance, rerun(0, "failed", branch=None, tag="v1.0"))
        await finish(instance, rerun(1, "success", branch=None, tag="v1.0"))

        assert await wait_until(instance, NINE + timedelta(hours=1)) == []


NIGHTLY = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: main}
    receiver: web
    active: {days: mon-fri, hours: "08:00-09:35", timezone: UTC}
projects:
  gh/acme/*: {rerun_wait: 10m}
"""


@pytest.mark.long
@pytest.mark.parametrize("is_red_again", [False, True])
async def test_what_waits_from_a_rerun_into_quiet_hours_stands_in_their_summary(
    folder: Path, is_red_again: bool
) -> None:
    async with an_instance(folder, NIGHTLY) as instance:
        await finish(instance, rerun(0, "failed"))
        if is_red_again:
            await finish(instance, rerun(1, "failed", most=3))
        await wait_until(instance, NINE + timedelta(minutes=25))
        await finish(instance, replace(rerun(0, "success", most=0, pipeline=1488), waited_s=2000))

        await wait_until(instance, NINE + timedelta(days=1))
        [(_, message)] = instance.channels.took
        assert message.title == "Kept back in quiet hours: 1 message"
        assert "1 failed" in message.text
