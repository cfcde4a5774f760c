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
from tests.support.app_fixture import NINE, Clock, House, a_house
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
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES) as house:
        yield house


async def change(house: House, **values: Any) -> None:
    def write(transaction: Transaction) -> None:
        transaction.execute(update(incidents).values(**values))

    await house.service.context.store.write(write)


def states(house: House) -> list[tuple[str, str, str | None]]:
    return [tuple(row) for row in house.rows("SELECT news, state, reason FROM notifications ORDER BY created_at, id")]


@pytest.mark.long
async def test_a_channel_is_reminded_each_four_hours_of_the_newest_red(folder: Path) -> None:
    async with a_house(folder, ONLY_REPEAT) as house:
        assert await finish(house, 901, "failed") == [(WEB, "broke")]
        assert await later(house, hours=3, minutes=50) == []
        assert await finish(house, 902, "failed") == []
        assert await later(house, minutes=10) == [(WEB, "reminder")]
        text = house.channels.took[-1][1].text
        assert "Still red for 4 h" in text
        assert ", 2 runs." in text
        assert await later(house, minutes=1) == []
        assert await later(house, hours=4) == [(WEB, "reminder")]
        assert await finish(house, 903, "success") == [(WEB, "fixed")]
        assert await later(house, hours=9) == []


@pytest.mark.long
async def test_what_was_missed_is_made_up_for_by_one_also_after_a_restart(folder: Path) -> None:
    async with a_house(folder, ONLY_REPEAT) as house:
        await finish(house, 901, "failed")
        now = house.clock.now
    async with a_house(folder, ONLY_REPEAT, clock=Clock(now=now)) as house:
        assert await later(house, hours=13) == [(WEB, "reminder")]
        assert await later(house, hours=2) == []


@pytest.mark.long
async def test_others_hear_of_it_once_and_that_it_was_fixed(house: House) -> None:
    await finish(house, 901, "failed")

    assert await later(house, hours=7) == [(LEADS, "escalation"), (WEB, "reminder")]
    assert any("no one has taken it" in message.text for _, message in house.channels.took)
    assert await later(house, hours=2) == [(WEB, "reminder")]
    assert await finish(house, 902, "success") == [(LEADS, "fixed"), (WEB, "fixed")]
    assert await finish(house, 903, "failed") == [(WEB, "broke")]
    assert await finish(house, 904, "success") == [(WEB, "fixed")]


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
async def test_nobody_is_reminded_of_what_is_taken_muted_or_over(house: House, quiet: dict[str, Any]) -> None:
    await finish(house, 901, "failed")
    await change(house, **quiet)

    assert await later(house, hours=7) == []


async def test_reminders_go_on_after_the_takers_time(house: House) -> None:
    await finish(house, 901, "failed")
    await change(house, taken_by="ada", taken_at=NINE, taken_until=house.clock.now + timedelta(hours=8))

    assert await later(house, hours=7) == []
    assert await later(house, hours=1, minutes=1) == [(LEADS, "escalation"), (WEB, "reminder")]


@pytest.mark.long
async def test_nobody_is_reminded_of_a_branch_without_runs_for_long(house: House) -> None:
    await finish(house, 901, "failed")

    assert await later(house, days=40) == []


@pytest.mark.long
async def test_reminders_that_wait_are_dropped_when_it_is_taken(folder: Path) -> None:
    async with a_house(folder, ONLY_REPEAT) as house:
        await finish(house, 901, "failed")
        house.channels.plan[WEB] = [Temporary("the channel is away")]
        assert await later(house, hours=4) == []
        await change(house, taken_by="ada", taken_at=NINE)

        assert await later(house, minutes=2) == []
        assert states(house)[1:] == [("reminder", "dropped", "a person has taken it")]


@pytest.mark.long
async def test_reminders_that_wait_are_dropped_when_it_is_fixed(folder: Path) -> None:
    async with a_house(folder, ONLY_REPEAT) as house:
        await finish(house, 901, "failed")
        house.channels.plan[WEB] = [Temporary("the channel is away")]
        assert await later(house, hours=4) == []

        assert await finish(house, 902, "success") == [(WEB, "fixed")]
        assert states(house)[1:] == [("reminder", "dropped", "it is no longer red"), ("fixed", "sent", None)]


@pytest.mark.long
async def test_an_older_reminder_gives_way_to_the_newer(folder: Path) -> None:
    async with a_house(folder, ONLY_REPEAT) as house:
        await finish(house, 901, "failed")
        house.channels.plan[WEB] = [Temporary("away", retry_after_s=3 * 3600.0)]
        assert await later(house, hours=4) == []

        assert await later(house, hours=4) == [(WEB, "reminder")]
        assert [state for news, state, _ in states(house) if news == "reminder"] == ["dropped", "sent"]


@pytest.mark.long
async def test_what_was_not_told_is_not_reminded_of(house: House) -> None:
    house.channels.plan[WEB] = [Temporary("the channel is away")] * 50
    assert await finish(house, 901, "failed") == []

    assert await later(house, hours=7) == []


@pytest.mark.long
async def test_nobody_is_reminded_in_quiet_hours(folder: Path) -> None:
    routes = ONLY_REPEAT + '    active: {hours: "08:00-18:00"}\n'
    async with a_house(folder, routes, clock=Clock(now=NINE)) as house:
        assert await finish(house, 901, "failed") == [(WEB, "broke")]
        evening = house.clock.now.replace(hour=19)
        assert await later(house, seconds=(evening - house.clock.now).total_seconds()) == []
        assert await later(house, hours=13, minutes=5) == [(WEB, "reminder")]


@pytest.mark.long
async def test_another_failure_than_the_one_that_was_taken_reminds_again(house: House) -> None:
    await finish(house, 901, "failed")
    await change(house, fingerprint="a" * 64, taken_by="ada", taken_at=NINE, taken_fingerprint="a" * 64)
    assert await later(house, hours=7) == []
    await change(house, fingerprint="b" * 64)

    assert await later(house, minutes=1) == [(LEADS, "escalation"), (WEB, "reminder")]
    assert "and it fails in another way than when it was taken." in house.channels.took[-1][1].text


async def test_a_failure_that_was_unknown_when_it_was_taken_is_no_other_one(house: House) -> None:
    await finish(house, 901, "failed")
    await change(house, taken_by="ada", taken_at=NINE)
    await change(house, fingerprint="b" * 64)

    assert await later(house, hours=7) == []


@pytest.mark.long
async def test_who_was_told_before_it_was_taken_is_told_again_after_its_time(house: House) -> None:
    await finish(house, 901, "failed")
    assert await later(house, hours=7) == [(LEADS, "escalation"), (WEB, "reminder")]
    until = house.clock.now + timedelta(hours=2)
    await change(house, taken_by="ada", taken_at=house.clock.now, taken_until=until)
    assert await later(house, hours=1) == []

    assert await later(house, hours=2) == [(LEADS, "escalation"), (WEB, "reminder")]
    assert "longer than it was taken for." in house.channels.took[-1][1].text
    assert await later(house, hours=1) == []
