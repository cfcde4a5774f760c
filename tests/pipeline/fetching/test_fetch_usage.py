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
from tests.support.app_fixture import GREEN, RED, TOKEN, Instance, a_moment, an_instance

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
async def budgeted(folder: Path, version: str = "v3") -> AsyncIterator[Instance]:
    """An instance with budgets, of whose project a run is on record."""
    async with an_instance(folder, YAML, ROUNDSMAN_CIRCLECI_API=version) as instance:
        await instance.finish(RED)
        await instance.drain()
        instance.pretend.usage.clock = instance.clock
        instance.channels.took.clear()
        yield instance


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with budgeted(folder) as opened:
        yield opened


async def look(instance: Instance, fetcher: UsageFetcher, **later: float) -> list[str]:
    """Return the titles that the operators took at a look."""
    instance.clock.tick(**later)
    before = len(instance.channels.took)
    await fetcher.step(instance.service.context)
    instance.clock.now = instance.clock.now.replace(minute=instance.clock.now.minute // 10 * 10)
    await watch_budgets(instance.service.context)
    await instance.drain()
    return [message.title for _, message in instance.channels.took[before:]]


def created(instance: Instance) -> int:
    return len(instance.pretend.usage.created)


async def kept(instance: Instance) -> UsageExport:
    """Return the newest export on record."""
    [export, *_] = await instance.service.context.store.read(usage.exports_of, ORG_ID)
    return export


async def test_usage_is_fetched_once_a_day_and_tells_of_a_budget(instance: Instance) -> None:
    fetcher = UsageFetcher()

    said = [await look(instance, fetcher, minutes=15) for _ in range(4)]
    assert said == [[], [SPENT], [], []]
    assert created(instance) == 1
    assert instance.pretend.usage.created[0]["start"] == "2026-03-01T00:00:00Z"

    for _ in range(8):
        assert await look(instance, fetcher, hours=7) == []
    assert created(instance) == 3


@pytest.mark.long
@pytest.mark.long
async def test_export_of_another_month_by_a_person_puts_no_budget_off(instance: Instance) -> None:
    now, month = instance.clock(), datetime(2026, 1, 1, tzinfo=UTC)
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
    await instance.service.context.store.write(usage.put_export, asked)

    await look(instance, UsageFetcher(), minutes=1)

    assert created(instance) == 1
    assert (await kept(instance)).month == "2026-03"


async def test_export_is_gone_on_with_by_another_process(instance: Instance) -> None:
    instance.pretend.usage.polls = 3

    for _ in range(5):  # each a process of its own
        await look(instance, UsageFetcher(), minutes=15)

    assert created(instance) == 1
    assert (await kept(instance)).state is ExportState.READ


@pytest.mark.long
async def test_process_that_ends_while_an_export_is_created_has_no_second_one_made(instance: Instance) -> None:
    gate = asyncio.Event()
    instance.pretend.faults.next(CREATE, Fault(gate=gate))
    first = asyncio.create_task(UsageFetcher().step(instance.service.context))
    while not any(call.path == CREATE for call in instance.pretend.calls):
        await a_moment()
    beside = [await look(instance, UsageFetcher(), minutes=minutes) for minutes in (0, 9)]
    first.cancel()
    gate.set()
    await asyncio.gather(first, return_exceptions=True)

    later = [await look(instance, UsageFetcher(), minutes=minutes) for minutes in (30, 30, 600)]

    assert beside == [[], []]
    assert later == [[TITLE], [], []]
    assert "whose id is not known" in str((await kept(instance)).remark)
    assert len([call for call in instance.pretend.calls if call.path == CREATE]) == 1
    await look(instance, UsageFetcher(), hours=24)
    assert len([call for call in instance.pretend.calls if call.path == CREATE]) == 2


@pytest.mark.long
async def test_right_that_the_token_lacks_is_told_once(instance: Instance) -> None:
    instance.pretend.faults.next(CREATE, broken(403), times=9)
    fetcher = UsageFetcher()

    said = [await look(instance, fetcher, hours=12) for _ in range(10)]

    assert said == [[TITLE], *[[]] * 9]
    text = instance.channels.took[-1][1].text
    assert "403" in text
    assert "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN" in text
    assert len([call for call in instance.pretend.calls if call.path == CREATE]) in {4, 5}


@pytest.mark.long
async def test_failure_of_a_day_is_not_told_while_the_figures_are_fresh(instance: Instance) -> None:
    fetcher = UsageFetcher()
    for _ in range(2):
        await look(instance, fetcher, minutes=15)
    instance.pretend.usage.failure = "query timed out"

    said = [await look(instance, fetcher, hours=24, minutes=15 * nth % 30) for nth in range(8)]

    assert said.count([TITLE]) == 1
    assert said[:3] == [[]] * 3
    assert (await kept(instance)).remark == "query timed out"


@pytest.mark.long
async def test_address_that_has_expired_is_asked_for_again_ever_less_often(instance: Instance) -> None:
    instance.pretend.faults.next("/storage/usage/*", broken(403), times=8)
    fetcher, tries = UsageFetcher(), []
    for _ in range(60):
        await look(instance, fetcher, minutes=15)
        tries.append(instance.pretend.usage.created[0]["polls"])

    assert created(instance) == 1
    assert (await kept(instance)).state is ExportState.READ
    assert tries[-1] == 9
    assert tries.count(8) > 2 * tries.count(4) > 2 * tries.count(1)


@pytest.mark.long
async def test_export_without_files_is_no_data_and_reaches_no_budget(instance: Instance) -> None:
    instance.pretend.usage.lines = []
    fetcher = UsageFetcher()

    said = [await look(instance, fetcher, minutes=15) for _ in range(4)]

    assert said == [[]] * 4
    assert (await kept(instance)).state is ExportState.EMPTY
    assert created(instance) == 1


@pytest.mark.long
async def test_last_days_of_a_month_are_read_in_the_next_and_still_tell_of_its_budget(instance: Instance) -> None:
    instance.pretend.usage.lines = [usage_line(RED, RED.jobs[0]) | {"TOTAL_CREDITS": "1"}]
    instance.clock.now = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)
    await instance.finish(GREEN)
    fetcher = UsageFetcher()
    said = [await look(instance, fetcher, minutes=15) for _ in range(2)]
    instance.pretend.usage.lines = [usage_line(RED, RED.jobs[0]) | {"TOTAL_CREDITS": "11"}]

    said += [await look(instance, fetcher, hours=4) for _ in range(14)]

    assert [one for one in said if one] == [[SPENT], [SPENT]]
    told = [message.text for _, message in instance.channels.took]
    assert [month in text for month, text in zip(("2026-04", "2026-03"), told, strict=True)] == [True, True]
    starts = [one["start"][:10] for one in instance.pretend.usage.created]
    assert starts == ["2026-03-01", "2026-04-01", "2026-03-01", "2026-04-01"]


@pytest.mark.long
@pytest.mark.parametrize(("version", "token"), [("v2", TOKEN), ("v3", None)])
async def test_without_exports_or_a_token_nothing_is_asked_and_that_is_logged_once(
    folder: Path, version: str, token: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with budgeted(folder, version) as instance:
        fetcher, source = UsageFetcher(), instance.service.context.source
        assert isinstance(source, CircleCI)
        source.replace_credentials(secrets=instance.settings.webhook_secrets, token=token)
        said = [await look(instance, fetcher, hours=12) for _ in range(4)]

        assert said == [[]] * 4
        assert created(instance) == 0
    assert capsys.readouterr().out.count("usage is not fetched") == 1
