"""News of several tracks that are told in one message: on a channel the news of each track go in order."""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.errors import Permanent, Temporary
from service.model import Channel, Message
from service.pipeline.steps import Pipeline
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, Instance, an_instance

pytestmark = [pytest.mark.databases("sqlite", "postgres"), pytest.mark.long]

ROUTES = """\
receivers:
  web: {channels: ["tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/-1001234567890"]}
  crew: {channels: [json://crew.example.com]}
routes:
  - name: grouped
    match: {branch: [a, b], transition: [broke, fixed]}
    receiver: web
    group: {by: [receiver], wait: 20s}
    continue: true
  - name: by pipeline
    match: {branch: [a, b, main], transition: [broke, fixed]}
    receiver: crew
    group: {by: [pipeline], wait: 90s}
    continue: true
  - name: slowly
    match: {branch: [b, main], transition: [broke, fixed]}
    receiver: web
    group: {by: [receiver], wait: 2m}
"""
BRANCHES = ("a", "b", "main")
WORKFLOWS = ("build", "deploy")
TOLD = """
SELECT tracks.branch, tracks.workflow, notifications.channel_key, news, events.pipeline_number FROM notifications
JOIN tracks ON tracks.id = notifications.track_id JOIN events ON events.id = notifications.event_id
WHERE notifications.id = ? OR told_in = ? ORDER BY notifications.created_at
"""
WRONG = "SELECT tracks.branch FROM told JOIN tracks ON id = track_id WHERE told.color <> tracks.color"
ERRORS = (
    Temporary("the channel answered 503"),
    Temporary("the channel answered 429", retry_after_s=5),
    Temporary("the channel answered 429", retry_after_s=60),
)
REFUSED = Permanent("the channel answered 400")


@dataclass(kw_only=True)
class UnwellChannel:
    """A notifier that fails, asks for pauses, and during whose sends other runs end.

    told   what each channel accepted of each branch, in order: news, and the number of the pipeline
    """

    instance: Instance
    chance: random.Random
    meanwhile: Callable[[], Awaitable[None]]
    told: dict[tuple[str, ...], list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    refuses: bool
    is_well: bool = False

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        if not self.is_well and self.chance.random() < 0.4:
            await self.meanwhile()
        rows = self.instance.rows(TOLD, notification_id.hex, notification_id.hex)
        error = None if self.is_well else self.chance.choice([None] * 5 + [*ERRORS, *([REFUSED] * self.refuses)])
        if error is not None:
            raise error
        for *place, news, number in rows:
            self.told[tuple(place)].append((news, number))
        return "taken"

    async def close(self) -> None:
        """Nothing is under way."""


class Arrivals:
    """Runs of two workflows on three branches, whose posts come in any order; some are reruns of what was red."""

    def __init__(self, instance: Instance, chance: random.Random) -> None:
        self.instance, self.chance, self.number = instance, chance, 1000
        self.kept: list[Run] = []
        self.red: list[Run] = []

    async def post(self) -> None:
        """Post the ends of some runs; others are kept for later."""
        for _ in range(self.chance.randint(1, 2)):
            self.kept += self._pipeline()
        if self.red and self.chance.random() < 0.3:
            red = self.red.pop(self.chance.randrange(len(self.red)))
            again = replace(red, attempt=red.attempt + 1, status=self._status(), pushed_at=self._pushed_at())
            self.kept.append(again)
        self.chance.shuffle(self.kept)
        while len(self.kept) > self.chance.choice([0, 0, 1, 4]):
            await self._finish(self.kept.pop())

    async def post_and_decide(self) -> None:
        """Post them, and decide on them."""
        await self.post()
        await self.instance.process()

    async def _finish(self, run: Run) -> None:
        if run.status == "failed":
            self.red.append(run)
        await self.instance.finish(run)

    def _pipeline(self) -> list[Run]:
        self.number += 1
        branch, pushed_at = self.chance.choice(BRANCHES), self._pushed_at()
        return [
            replace(
                RED, workflow=workflow, branch=branch, status=self._status(), number=self.number, pushed_at=pushed_at
            )
            for workflow in self.chance.sample(WORKFLOWS, self.chance.randint(1, 2))
        ]

    def _status(self) -> str:
        return self.chance.choice(["failed", "failed", "success", "success", "canceled"])

    def _pushed_at(self) -> datetime:
        return self.instance.clock.now - timedelta(minutes=10)


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_news_of_a_track_go_in_order(folder: Path, seed: int, refuses: bool) -> None:
    chance = random.Random(seed)
    async with an_instance(folder, ROUTES) as instance:
        arrivals = Arrivals(instance, chance)
        channel = UnwellChannel(instance=instance, chance=chance, refuses=refuses, meanwhile=arrivals.post_and_decide)
        context = replace(instance.service.context, notifier=channel)
        instance.service = replace(instance.service, context=context, pipeline=Pipeline(context))
        for _ in range(20):
            await arrivals.post()
            await instance.drain(seconds=chance.choice([1, 20, 20, 100, 700]))
        channel.is_well = True
        for _ in range(15):
            await instance.drain(minutes=2)
        wrong = instance.rows(WRONG)

    assert channel.told
    for place, told in channel.told.items():
        numbers = [number for _, number in told]
        assert numbers == sorted(numbers), place
        if not refuses:  # a refused message leaves a channel with what it knew before
            news = [one for one, _ in told]
            assert news == ["broke", "fixed"] * (len(news) // 2) + ["broke"] * (len(news) % 2), place
    assert wrong == [] or refuses
