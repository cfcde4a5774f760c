"""A month that was lived through is played again: what the back-test claims was sent is what the channels took."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.app.simulation import open_simulation
from service.config.configuration import load
from service.operations.simulation.backtest import Span, replay_history
from service.operations.simulation.backtest_report import compare
from service.testing.fake_circleci.organization import Project, Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import NINE, RED, Instance, an_instance, environ

pytestmark = [pytest.mark.databases("sqlite", "postgres"), pytest.mark.long]

DAYS = 30
STORM = 130  # more than five minutes of Telegram's pace
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  crew: {channels: ["tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/-1001234567890"]}
  some: {channels: [json://some.example.com]}
routes:
  - {name: main, match: {branch: main}, receiver: web, continue: true}
  - {name: some, match: {branch: main, project: "gh/acme/service-[01]"}, receiver: some, continue: true}
  - {name: storms, match: {branch: "storm-*", status: failed}, receiver: crew}
"""


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


class Month:
    """Runs of six projects: quiet days, failures that are shared by some of them, and one storm on branches."""

    def __init__(self, instance: Instance, seed: int) -> None:
        self.instance, self.chance = instance, random.Random(seed)
        self.projects = [replace(RED.project, name=f"service-{number}") for number in range(6)]
        self.numbers: Counter[str] = Counter()

    async def live(self) -> None:
        for day in range(DAYS):
            for project in self.chance.sample(self.projects, 2):
                await self.finish(project, self.chance.choice(["success", "success", "failed"]))
                await self.rest(minutes=self.chance.choice([35, 50]))
            if day % 7 == 3:
                await self.share_a_failure(self.chance.randint(3, 6))
            if day == 20:
                await self.storm()
            await self.rest(hours=self.chance.choice([2, 9]))

    async def share_a_failure(self, count: int) -> None:
        """Some projects pass, then break of the same tests within minutes, and are fixed an hour later."""
        some = self.chance.sample(self.projects, count)
        for status, pause in (("success", 35), ("failed", 0), ("success", 0)):
            for project in some:
                await self.finish(project, status)
                await self.rest(minutes=pause, seconds=self.chance.choice([1, 20, 100]))
            await self.rest(hours=1)

    async def storm(self) -> None:
        for number in range(STORM):
            post = workflow_completed(self.run(self.projects[0], "failed", branch=f"storm-{number}"))
            await self.instance.post(post)
        await self.rest(minutes=0)

    async def finish(self, project: Project, status: str) -> None:
        await self.instance.finish(self.run(project, status))

    def run(self, project: Project, status: str, *, branch: str = "main") -> Run:
        self.numbers[project.name] += 1
        return replace(
            RED,
            project=project,
            status=status,
            branch=branch,
            number=1000 + self.numbers[project.name],
            pushed_at=self.instance.clock.now - timedelta(minutes=10),
        )

    async def rest(self, **time: float) -> None:
        """Work all off, as fast as channels allow, and let time pass."""
        ends_at = self.instance.clock.now + timedelta(**time)
        await self.instance.drain()
        while (due_at := self._next_due_at()) is not None and due_at <= ends_at:
            await self.instance.drain(seconds=max(1.0, (due_at - self.instance.clock.now).total_seconds()))
        self.instance.clock.tick(seconds=max(0.0, (ends_at - self.instance.clock.now).total_seconds()))

    def _next_due_at(self) -> datetime | None:
        [(found,)] = self.instance.rows(NEXT_DUE)
        return found if found is None or isinstance(found, datetime) else datetime.fromisoformat(f"{found}+00:00")


NEXT_DUE = "SELECT min(next_attempt_at) FROM notifications WHERE state = 'pending'"
SENT = "SELECT count(*) FROM notifications WHERE sent_at IS NOT NULL AND told_in IS NULL"


async def backtest(instance: Instance, folder: Path) -> Any:
    context = instance.service.context
    span = Span(since=NINE - timedelta(days=1), until=instance.clock())
    config = load(environ(folder, ROUTES), serving=False)
    async with open_simulation(config) as simulation:
        played = await replay_history(context.store, context.source, [simulation], span)
        return await compare(simulation.context.store, context.store, played)


async def test_claims_of_a_month_are_what_the_channels_took(instance: Instance, folder: Path) -> None:
    await Month(instance, seed=0).live()
    titles = [message.title for _, message in instance.channels.took]

    found = await backtest(instance, folder)

    assert sum("seems to be in trouble" in title for title in titles) >= 3
    assert found["by_news"]["summary"] >= 4
    assert instance.rows("SELECT count(*) FROM notifications WHERE substr(topic, 1, 6) = 'heard:'") != [(0,)]
    apart = [*found["new"], *found["gone"]]
    assert [one for one in apart if one["route"] != "storms"] == []
    if not instance.service.context.store.is_shared:  # on Postgres the details of a storm may come in another order
        assert (apart, found["messages"]) == ([], len(titles))
    assert instance.rows(SENT) == [(len(titles),)]
