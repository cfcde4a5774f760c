"""Reminders of what is still red, and the escalation to others."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from service.db.tables import Transaction, incidents
from service.errors import Temporary
from tests.support.app_fixture import NINE, Clock, Instance, an_instance
from tests.support.told_runs import finish, later

pytestmark = pytest.mark.databases("sqlite", "postgres")

WEB, LEADS = "web (json)", "leads (json)"
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  leads: {channels: [json://leads.example.com]}
routes:
  - name: main
    match: {branch: main}
    receiver: web
    repeat: 4h
    escalate: {after: 6h, receiver: leads}
"""
ONLY_REPEAT = ROUTES.partition("    escalate")[0]


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


async def change(instance: Instance, **values: Any) -> None:
    def write(transaction: Transaction) -> None:
        transaction.execute(update(incidents).values(**values))

    await instance.service.context.store.write(write)


def states(instance: Instance) -> list[tuple[str, str, str | None]]:
    return [
        tuple(row) for row in instance.rows("SELECT news, state, reason FROM notifications ORDER BY created_at, id")
    ]


@pytest.mark.long
async def test_a_channel_is_reminded_each_four_hours_of_the_newest_red(folder: Path) -> None:
    async with an_instance(folder, ONLY_REPEAT) as instance:
        assert await finish(instance, 901, "failed") == [(WEB, "broke")]
        assert await later(instance, hours=3, minutes=50) == []
        assert await finish(instance, 902, "failed") == []
        assert await later(instance, minutes=10) == [(WEB, "reminder")]
        text = instance.channels.took[-1][1].text
        assert "Still red for 4 h" in text
        assert ", 2 runs." in text
        assert await later(instance, minutes=1) == []
        assert await later(instance, hours=4) == [(WEB, "reminder")]
        assert await finish(instance, 903, "success") == [(WEB, "fixed")]
        assert await later(instance, hours=9) == []


@pytest.mark.long
async def test_what_was_missed_is_made_up_for_by_one_also_after_a_restart(folder: Path) -> None:
    async with an_instance(folder, ONLY_REPEAT) as instance:
        await finish(instance, 901, "failed")
        now = instance.clock.now
    async with an_instance(folder, ONLY_REPEAT, clock=Clock(now=now)) as instance:
        assert await later(instance, hours=13) == [(WEB, "reminder")]
        assert await later(instance, hours=2) == []


@pytest.mark.long
async def test_others_hear_of_it_once_and_that_it_was_fixed(instance: Instance) -> None:
    await finish(instance, 901, "failed")

    assert await later(instance, hours=7) == [(LEADS, "escalation"), (WEB, "reminder")]
    assert any("no one has taken it" in message.text for _, message in instance.channels.took)
    assert await later(instance, hours=2) == [(WEB, "reminder")]
    assert await finish(instance, 902, "success") == [(LEADS, "fixed"), (WEB, "fixed")]
    assert await finish(instance, 903, "failed") == [(WEB, "broke")]
    assert await finish(instance, 904, "success") == [(WEB, "fixed")]


@pytest.mark.long
@pytest.mark.parametrize(
    "quiet",
    [
        {"taken_by": "ada", "taken_at": NINE},
        {"muted_until": datetime(9999, 1, 1, tzinfo=UTC)},
        {"closed_because": "expired"},
        {"merged_into": UUID(int=7)},
    ],
    ids=lambda values: next(iter(values)),
)
async def test_nobody_is_reminded_of_what_is_taken_muted_or_over(instance: Instance, quiet: dict[str, Any]) -> None:
    await finish(instance, 901, "failed")
    await change(instance, **quiet)

    assert await later(instance, hours=7) == []


async def test_reminders_go_on_after_the_takers_time(instance: Instance) -> None:
    await finish(instance, 901, "failed")
    await change(instance, taken_by="ada", taken_at=NINE, taken_until=instance.clock.now + timedelta(hours=8))

    assert await later(instance, hours=7) == []
    assert await later(instance, hours=1, minutes=1) == [(LEADS, "escalation"), (WEB, "reminder")]


@pytest.mark.long
async def test_nobody_is_reminded_of_a_branch_without_runs_for_long(instance: Instance) -> None:
    await finish(instance, 901, "failed")

    assert await later(instance, days=40) == []


@pytest.mark.long
async def test_reminders_that_wait_are_dropped_when_it_is_taken(folder: Path) -> None:
    async with an_instance(folder, ONLY_REPEAT) as instance:
        await finish(instance, 901, "failed")
        instance.channels.plan[WEB] = [Temporary("the channel is away")]
        assert await later(instance, hours=4) == []
        await change(instance, taken_by="ada", taken_at=NINE)

        assert await later(instance, minutes=2) == []
        assert states(instance)[1:] == [("reminder", "dropped", "a person has taken it")]


@pytest.mark.long
async def test_reminders_that_wait_are_dropped_when_it_is_fixed(folder: Path) -> None:
    async with an_instance(folder, ONLY_REPEAT) as instance:
        await finish(instance, 901, "failed")
        instance.channels.plan[WEB] = [Temporary("the channel is away")]
        assert await later(instance, hours=4) == []

        assert await finish(instance, 902, "success") == [(WEB, "fixed")]
        assert states(instance)[1:] == [("reminder", "dropped", "it is no longer red"), ("fixed", "sent", None)]


@pytest.mark.long
async def test_an_older_reminder_gives_way_to_the_newer(folder: Path) -> None:
    async with an_instance(folder, ONLY_REPEAT) as instance:
        await finish(instance, 901, "failed")
        instance.channels.plan[WEB] = [Temporary("away", retry_after_s=3 * 3600.0)]
        assert await later(instance, hours=4) == []

        assert await later(instance, hours=4) == [(WEB, "reminder")]
        assert [state for news, state, _ in states(instance) if news == "reminder"] == ["dropped", "sent"]


@pytest.mark.long
async def test_what_was_not_told_is_not_reminded_of(instance: Instance) -> None:
    instance.channels.plan[WEB] = [Temporary("the channel is away")] * 50
    assert await finish(instance, 901, "failed") == []

    assert await later(instance, hours=7) == []


@pytest.mark.long
async def test_nobody_is_reminded_in_quiet_hours(folder: Path) -> None:
    routes = ONLY_REPEAT + '    active: {hours: "08:00-18:00"}\n'
    async with an_instance(folder, routes, clock=Clock(now=NINE)) as instance:
        assert await finish(instance, 901, "failed") == [(WEB, "broke")]
        evening = instance.clock.now.replace(hour=19)
        assert await later(instance, seconds=(evening - instance.clock.now).total_seconds()) == []
        assert await later(instance, hours=13, minutes=5) == [(WEB, "reminder")]


@pytest.mark.long
async def test_another_failure_than_the_one_that_was_taken_reminds_again(instance: Instance) -> None:
    await finish(instance, 901, "failed")
    await change(instance, fingerprint="a" * 64, taken_by="ada", taken_at=NINE, taken_fingerprint="a" * 64)
    assert await later(instance, hours=7) == []
    await change(instance, fingerprint="b" * 64)

    assert await later(instance, minutes=1) == [(LEADS, "escalation"), (WEB, "reminder")]
    assert "and it fails in another way than when it was taken." in instance.channels.took[-1][1].text


async def test_a_failure_that_was_unknown_when_it_was_taken_is_no_other_one(instance: Instance) -> None:
    await finish(instance, 901, "failed")
    await change(instance, taken_by="ada", taken_at=NINE)
    await change(instance, fingerprint="b" * 64)

    assert await later(instance, hours=7) == []


@pytest.mark.long
async def test_who_was_told_before_it_was_taken_is_told_again_after_its_time(instance: Instance) -> None:
    await finish(instance, 901, "failed")
    assert await later(instance, hours=7) == [(LEADS, "escalation"), (WEB, "reminder")]
    until = instance.clock.now + timedelta(hours=2)
    await change(instance, taken_by="ada", taken_at=instance.clock.now, taken_until=until)
    assert await later(instance, hours=1) == []

    assert await later(instance, hours=2) == [(LEADS, "escalation"), (WEB, "reminder")]
    assert "longer than it was taken for." in instance.channels.took[-1][1].text
    assert await later(instance, hours=1) == []
