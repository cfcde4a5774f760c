"""Budgets of credits: the operators hear once when the usage that is kept reaches one."""

from pathlib import Path

from service.model import ExportState, UsageExport, UsageFigure
from service.pipeline.alarms.watch_budgets import watch_budgets
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
