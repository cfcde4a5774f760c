"""The daily fetch of usage: one export a day, gone on with after a restart, told once where it is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.model import ExportState, UsageExport
from service.pipeline.alarms.watch_budgets import TITLE as SPENT
from service.pipeline.alarms.watch_budgets import watch_budgets
from service.pipeline.fetching.fetch_usage import TITLE, UsageFetcher
from service.store.circleci import usage
from service.testing.fake_circleci.faults import Fault, broken
from service.testing.fake_circleci.organization import ORG_ID
from service.testing.fake_circleci.usage_routes import usage_line
from tests.support.app_fixture import GREEN, RED, TOKEN, House, a_house, a_moment

YAML = """\
receivers:
  web: {channels: [json://web.example.com]}
  ops: {channels: [json://ops.example.com]}
routes:
  - {receiver: web, match: {branch: none}}
operators: {receiver: ops}
budgets:
  - {project: "gh/acme/*", credits: 10}
"""
CREATE = f"/organizations/{ORG_ID}/usage_export_job"


@asynccontextmanager
async def budgeted(folder: Path, version: str = "v3") -> AsyncIterator[House]:
    """A house with budgets, of whose project a run is on record."""
    async with a_house(folder, YAML, ROUNDSMAN_CIRCLECI_API=version) as house:
        await house.finish(RED)
        await house.drain()
        house.pretend.usage.clock = house.clock
        house.channels.took.clear()
        yield house


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    async with budgeted(folder) as opened:
        yield opened


async def look(house: House, fetcher: UsageFetcher, **later: float) -> list[str]:
    """Return the titles that the operators took at a look."""
    house.clock.tick(**later)
    before = len(house.channels.took)
    await fetcher.step(house.service.context)
    house.clock.now = house.clock.now.replace(minute=house.clock.now.minute // 10 * 10)
    await watch_budgets(house.service.context)
    await house.drain()
    return [message.title for _, message in house.channels.took[before:]]


def created(house: House) -> int:
    return len(house.pretend.usage.created)


async def kept(house: House) -> UsageExport:
    """Return the newest export on record."""
    [export, *_] = await house.service.context.store.read(usage.exports_of, ORG_ID)
    return export


async def test_usage_is_fetched_once_a_day_and_tells_of_a_budget(house: House) -> None:
    fetcher = UsageFetcher()

    said = [await look(house, fetcher, minutes=15) for _ in range(4)]
    assert said == [[], [SPENT], [], []]
    assert created(house) == 1
    assert house.pretend.usage.created[0]["start"] == "2026-03-01T00:00:00Z"

    for _ in range(8):
        assert await look(house, fetcher, hours=7) == []
    assert created(house) == 3


@pytest.mark.long
@pytest.mark.long
async def test_export_of_another_month_by_a_person_puts_no_budget_off(house: House) -> None:
    now, month = house.clock(), datetime(2026, 1, 1, tzinfo=UTC)
    asked = UsageExport(
        id="of-a-person",
        org_id=ORG_ID,
        month="2026-01",
        starts_at=month,
        ends_at=month.replace(month=2),
        state=ExportState.READ,
        asked_at=now,
        changed_at=now,
    )
    await house.service.context.store.write(usage.put_export, asked)

    await look(house, UsageFetcher(), minutes=1)

    assert created(house) == 1
    assert (await kept(house)).month == "2026-03"


async def test_export_is_gone_on_with_by_another_process(house: House) -> None:
    house.pretend.usage.polls = 3

    for _ in range(5):  # each a process of its own
        await look(house, UsageFetcher(), minutes=15)

    assert created(house) == 1
    assert (await kept(house)).state is ExportState.READ


@pytest.mark.long
async def test_process_that_ends_while_an_export_is_created_has_no_second_one_made(house: House) -> None:
    gate = asyncio.Event()
    house.pretend.faults.next(CREATE, Fault(gate=gate))
    first = asyncio.create_task(UsageFetcher().step(house.service.context))
    while not any(call.path == CREATE for call in house.pretend.calls):
        await a_moment()
    beside = [await look(house, UsageFetcher(), minutes=minutes) for minutes in (0, 9)]
    first.cancel()
    gate.set()
    await asyncio.gather(first, return_exceptions=True)

    later = [await look(house, UsageFetcher(), minutes=minutes) for minutes in (30, 30, 600)]

    assert beside == [[], []]
    assert later == [[TITLE], [], []]
    assert "whose id is not known" in str((await kept(house)).remark)
    assert len([call for call in house.pretend.calls if call.path == CREATE]) == 1
    await look(house, UsageFetcher(), hours=24)
    assert len([call for call in house.pretend.calls if call.path == CREATE]) == 2


@pytest.mark.long
async def test_right_that_the_token_lacks_is_told_once(house: House) -> None:
    house.pretend.faults.next(CREATE, broken(403), times=9)
    fetcher = UsageFetcher()

    said = [await look(house, fetcher, hours=12) for _ in range(10)]

    assert said == [[TITLE], *[[]] * 9]
    text = house.channels.took[-1][1].text
    assert "403" in text
    assert "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN" in text
    assert len([call for call in house.pretend.calls if call.path == CREATE]) in {4, 5}


@pytest.mark.long
async def test_failure_of_a_day_is_not_told_while_the_figures_are_fresh(house: House) -> None:
    fetcher = UsageFetcher()
    for _ in range(2):
        await look(house, fetcher, minutes=15)
    house.pretend.usage.failure = "query timed out"

    said = [await look(house, fetcher, hours=24, minutes=15 * nth % 30) for nth in range(8)]

    assert said.count([TITLE]) == 1
    assert said[:3] == [[]] * 3
    assert (await kept(house)).remark == "query timed out"


@pytest.mark.long
async def test_address_that_has_expired_is_asked_for_again_ever_less_often(house: House) -> None:
    house.pretend.faults.next("/storage/usage/*", broken(403), times=8)
    fetcher, tries = UsageFetcher(), []
    for _ in range(60):
        await look(house, fetcher, minutes=15)
        tries.append(house.pretend.usage.created[0]["polls"])

    assert created(house) == 1
    assert (await kept(house)).state is ExportState.READ
    assert tries[-1] == 9
    assert tries.count(8) > 2 * tries.count(4) > 2 * tries.count(1)


@pytest.mark.long
async def test_export_without_files_is_no_data_and_reaches_no_budget(house: House) -> None:
    house.pretend.usage.lines = []
    fetcher = UsageFetcher()

    said = [await look(house, fetcher, minutes=15) for _ in range(4)]

    assert said == [[]] * 4
    assert (await kept(house)).state is ExportState.EMPTY
    assert created(house) == 1


@pytest.mark.long
async def test_last_days_of_a_month_are_read_in_the_next_and_still_tell_of_its_budget(house: House) -> None:
    house.pretend.usage.lines = [usage_line(RED, RED.jobs[0]) | {"TOTAL_CREDITS": "1"}]
    house.clock.now = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)
    await house.finish(GREEN)
    fetcher = UsageFetcher()
    said = [await look(house, fetcher, minutes=15) for _ in range(2)]
    house.pretend.usage.lines = [usage_line(RED, RED.jobs[0]) | {"TOTAL_CREDITS": "11"}]

    said += [await look(house, fetcher, hours=4) for _ in range(14)]

    assert [one for one in said if one] == [[SPENT], [SPENT]]
    told = [message.text for _, message in house.channels.took]
    assert [month in text for month, text in zip(("2026-04", "2026-03"), told, strict=True)] == [True, True]
    starts = [one["start"][:10] for one in house.pretend.usage.created]
    assert starts == ["2026-03-01", "2026-04-01", "2026-03-01", "2026-04-01"]


@pytest.mark.long
@pytest.mark.parametrize(("version", "token"), [("v2", TOKEN), ("v3", None)])
async def test_without_exports_or_a_token_nothing_is_asked_and_that_is_logged_once(
    folder: Path, version: str, token: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with budgeted(folder, version) as house:
        fetcher, source = UsageFetcher(), house.service.context.source
        assert isinstance(source, CircleCI)
        source.replace_credentials(secrets=house.settings.webhook_secrets, token=token)
        said = [await look(house, fetcher, hours=12) for _ in range(4)]

        assert said == [[]] * 4
        assert created(house) == 0
    assert capsys.readouterr().out.count("usage is not fetched") == 1
