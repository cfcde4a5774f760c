"""Channels hear of changes, in order: each of what broke, and those that know of it of what was fixed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from service.db.tables import Transaction, incidents
from service.errors import Permanent, Temporary
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

CHANGES = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - match: {branch: main}
    receiver: web
"""
VERDICTS = """
    SELECT verdicts FROM decisions JOIN events ON events.id = decisions.event_id ORDER BY events.pipeline_number
"""


def run(number: int, status: str, *, attempt: int = 1) -> Run:
    """Return a run of main, with the number of its pipeline; later attempts are reruns."""
    return replace(
        RED, number=number, status=status, attempt=attempt, pushed_at=RED.pushed_at + timedelta(minutes=30 * number)
    )


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, CHANGES) as instance:
        yield instance


async def told(instance: Instance, *runs: Run) -> list[tuple[str, int, str]]:
    """Post the runs one by one; return the news, run and state of each notification, in the order planned."""
    for one in runs:
        await instance.finish(one)
        await instance.drain()
    query = """
        SELECT news, pipeline_number, state FROM notifications JOIN events ON events.id = notifications.event_id
        ORDER BY created_at, notifications.id
    """
    return [(news, number, state) for news, number, state in instance.rows(query)]


async def verdicts(instance: Instance) -> list[str]:
    return [verdict for (verdict,) in instance.rows(VERDICTS)]


@pytest.mark.long
async def test_a_channel_hears_that_it_broke_and_that_it_was_fixed_and_no_more(instance: Instance) -> None:
    statuses = ["success", "failed", "failed", "error", "success", "success"]

    assert await told(instance, *(run(900 + n, status) for n, status in enumerate(statuses))) == [
        ("broke", 901, "sent"),
        ("fixed", 904, "sent"),
    ]


async def test_a_late_run_is_told_to_no_channel(instance: Instance) -> None:
    assert await told(instance, run(903, "success"), run(901, "failed")) == []
    assert "l0" in await verdicts(instance)


@pytest.mark.long
async def test_a_rerun_of_an_old_pipeline_between_two_reds_hides_no_fix(instance: Instance) -> None:
    found = await told(instance, run(901, "failed"), run(903, "failed"), run(902, "success"), run(904, "success"))

    assert found == [("broke", 901, "sent"), ("fixed", 904, "sent")]


@pytest.mark.long
async def test_what_was_fixed_before_it_was_told_is_no_news(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("the channel is away")]
    await told(instance, run(901, "failed"))

    assert await told(instance, run(902, "success")) == [("broke", 901, "dropped")]
    assert (await verdicts(instance))[-1] == "n0"


async def test_a_break_that_became_a_dead_letter_counts_as_not_told(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel refuses")]

    assert await told(instance, run(901, "failed"), run(902, "success")) == [("broke", 901, "dead")]


@pytest.mark.long
async def test_runs_of_one_batch_are_told_in_the_order_of_their_track(instance: Instance) -> None:
    for one in (run(904, "success"), run(902, "failed"), run(903, "failed")):
        await instance.finish(one)
    await instance.drain()

    assert await told(instance, run(905, "failed")) == [("broke", 902, "dropped"), ("broke", 905, "sent")]


@pytest.mark.long
async def test_a_muted_incident_is_told_when_it_is_fixed(instance: Instance) -> None:
    await told(instance, run(901, "failed"))
    await instance.service.context.store.write(mute)

    found = await told(instance, run(902, "failed"), run(903, "success"))

    assert found == [("broke", 901, "sent"), ("fixed", 903, "sent")]


def mute(transaction: Transaction) -> None:
    transaction.execute(update(incidents).values(muted_until=datetime(9999, 1, 1, tzinfo=UTC)))


@pytest.mark.long
async def test_a_streak_is_told_once_it_is_that_long_and_when_it_ends(folder: Path) -> None:
    streak = CHANGES.replace("{branch: main}", "{branch: main, streak: '>= 2'}")
    async with an_instance(folder, streak) as instance:
        statuses = ["failed", "success", "failed", "failed", "failed", "success"]

        assert await told(instance, *(run(900 + n, status) for n, status in enumerate(statuses))) == [
            ("broke", 903, "sent"),
            ("fixed", 905, "sent"),
        ]


@pytest.mark.long
async def test_a_route_that_names_still_broken_hears_of_each_red(folder: Path) -> None:
    every = CHANGES.replace("{branch: main}", "{branch: main, transition: [broke, still_broken, fixed]}")
    async with an_instance(folder, every) as instance:
        assert await told(instance, *(run(900 + n, "failed") for n in range(3)), run(903, "success")) == [
            ("broke", 900, "sent"),
            ("still_broken", 901, "sent"),
            ("still_broken", 902, "sent"),
            ("fixed", 903, "sent"),
        ]


async def test_two_posts_of_one_run_are_one_message(instance: Instance) -> None:
    await instance.finish(run(901, "failed"))
    await instance.post(workflow_completed(run(901, "failed")) | {"id": "another-post-of-the-same-run"})
    await instance.drain()

    assert await told(instance) == [("broke", 901, "sent")]


@pytest.mark.long
async def test_only_those_who_were_told_that_it_broke_hear_that_it_was_fixed(folder: Path) -> None:
    two = CHANGES.replace("json://web.example.com", "json://web.example.com, xml://web.example.com")
    async with an_instance(folder, two) as instance:
        instance.channels.plan["web (xml)"] = [Permanent("the channel refuses")]

        assert sorted(await told(instance, run(901, "failed"), run(902, "success"))) == [
            ("broke", 901, "dead"),
            ("broke", 901, "sent"),
            ("fixed", 902, "sent"),
        ]


@pytest.mark.long
async def test_message_of_a_break_says_how_long_it_was_green(instance: Instance) -> None:
    await told(instance, run(1, "success"), run(2, "success"), run(7, "failed"), run(8, "failed"), run(9, "success"))

    texts = [message.text for _, message in instance.channels.took]
    assert ["Green for 3 h before this." in text for text in texts] == [True, False]
