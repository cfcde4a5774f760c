"""Budgets of credits: the operators hear once when the usage that is kept reaches one."""

from pathlib import Path

import pytest

from service.model import ExportState, UsageExport, UsageFigure
from service.pipeline.alarms.watch_budgets import watch_budgets
from service.pipeline.fetching.fetch_usage import LAST_MONTH_UNTIL
from service.store.circleci import usage
from tests.support.app_fixture import NINE, Instance, an_instance

YAML = """\
receivers:
  web: {channels: [json://web.example.com]}
  ops: {channels: [json://ops.example.com]}
routes:
  - receiver: web
operators: {receiver: ops}
budgets:
  - {project: gh/acme/web, credits: 100}
  - {project: "gh/acme/*", credits: 250}
"""
MONTH = f"{NINE:%Y-%m}"


async def keep(instance: Instance, **spent: float) -> None:
    """Keep the credits of projects in a month."""
    export = UsageExport(
        id="x",
        org_id="acme",
        month=MONTH,
        state=ExportState.READ,
        starts_at=NINE,
        ends_at=NINE,
        asked_at=NINE,
        changed_at=NINE,
        read_at=NINE,
    )
    figures = [
        UsageFigure(project_name=name, project_slug=f"github/acme/{name}" if name == "web" else None, credits=number)
        for name, number in spent.items()
    ]
    await instance.service.context.store.write(usage.put_figures, export, figures)


async def look(instance: Instance) -> list[str]:
    """Return what the operators have heard after a look."""
    instance.clock.now = instance.clock.now.replace(minute=instance.clock.now.minute // 10 * 10)
    await watch_budgets(instance.service.context)
    await instance.drain()
    return [message.title for _, message in instance.channels.took]


async def test_a_budget_that_is_reached_is_told_once_in_its_month(folder: Path) -> None:
    async with an_instance(folder, YAML) as instance:
        await keep(instance, web=99.9, api=10)
        assert await look(instance) == []

        await keep(instance, web=100, api=149.9)
        first = await look(instance)
        instance.clock.tick(minutes=10)
        again = await look(instance)

        await keep(instance, web=100, api=150)
        both = await look(instance)

    assert first == again == ["Roundsman: a budget of credits is spent"]
    assert both == first * 2


async def test_budgets_are_compared_at_whole_ten_minutes_alone(folder: Path) -> None:
    async with an_instance(folder, YAML) as instance:
        await keep(instance, web=100)
        instance.clock.tick(minutes=9, seconds=59)
        await watch_budgets(instance.service.context)
        await instance.drain()
        assert instance.channels.took == []

        instance.clock.tick(seconds=1)
        await watch_budgets(instance.service.context)
        await instance.drain()
        assert len(instance.channels.took) == 1


@pytest.mark.parametrize("line", ["operators: {receiver: ops}\n", "budgets:\n"])
async def test_without_operators_or_budgets_nothing_is_compared(folder: Path, line: str) -> None:
    yaml = YAML.replace(line, "") if "operators" in line else YAML.partition(line)[0]
    async with an_instance(folder, yaml) as instance:
        await keep(instance, web=1000)

        assert await look(instance) == []
        assert instance.rows("SELECT count(*) FROM notifications") == [(0,)]


async def test_in_the_first_days_of_a_month_the_one_before_counts_too(folder: Path) -> None:
    heard = []
    async with an_instance(folder, YAML) as instance:
        await keep(instance, web=100)
        for day in (LAST_MONTH_UNTIL + 2, LAST_MONTH_UNTIL + 1):
            instance.clock.now = NINE.replace(month=NINE.month + 1, day=day)
            heard.append(await look(instance))

    assert [len(titles) for titles in heard] == [0, 1]
