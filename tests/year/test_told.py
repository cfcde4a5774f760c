"""What channels are told of an invented year, in any order: nothing twice, and each red that was told has its end."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from service.circleci.webhook.parser import parse
from service.model import Delivery, Event, Via
from service.operations.simulation.simulated_steps import SimulatedSteps
from service.operations.simulation.simulation import SimulatedClock, Simulation, simulated
from service.testing.fake_circleci.payloads import as_bytes
from tests.support.app_fixture import Clock, an_instance
from tests.year.invented import NEW_YEAR, Payload, arrivals, invent_year

IDS = UUID("0d4a3a6e-4d9c-5d0b-9d55-3d7a8b7f0a11")
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  crew: {channels: [json://crew.example.com]}
routes:
  - name: changes
    match: {project: gh/acme/*}
    receiver: web
    continue: true
  - name: all reds
    match: {transition: [broke, still_broken, fixed]}
    receiver: crew
"""
SENT = """
SELECT notifications.track_id, channel_label, news, transition FROM notifications
JOIN runs ON runs.event_id = notifications.event_id WHERE sent_at IS NOT NULL ORDER BY sent_at, notifications.created_at
"""


def received(posts: list[Payload], seed: int) -> list[Event]:
    """Return posts as they are received, in this order, some at the same time."""
    chance, now, found = random.Random(seed), NEW_YEAR, dict[str, Event]()
    for post in posts:
        now += timedelta(seconds=chance.choice([0, 0, 20, 200]))
        delivery = Delivery(
            id=uuid5(IDS, post["id"]),
            source="circleci",
            source_event_id=post["id"],
            via=Via.WEBHOOK,
            received_at=now,
            headers=(),
            body=as_bytes(post),
            signed=None,
        )
        found.setdefault(post["id"], parse(delivery, links=True))
    return list(found.values())


@pytest.mark.parametrize(
    ("seed", "late"),
    [
        (1, 4),
        pytest.param(2, None, marks=pytest.mark.long),
        *(pytest.param(seed, late, marks=pytest.mark.long) for seed in range(3, 6) for late in (3, 20, None)),
    ],
)
async def test_nothing_is_told_twice_and_each_red_told_has_its_end(folder: Path, seed: int, late: int | None) -> None:
    posts = received(arrivals(invent_year(seed, projects=2, runs=40, has_expired=False), seed, late=late), seed)
    clock = Clock(now=NEW_YEAR)
    async with an_instance(folder, ROUTES, clock=clock) as instance:
        ours = SimulatedClock(now=NEW_YEAR)
        simulation = Simulation(
            context=replace(instance.service.context, clock=ours), clock=ours, steps=SimulatedSteps()
        )
        for start in range(0, len(posts), 25):
            await simulation.play([simulated(event) for event in posts[start : start + 25]])
        await simulation.finish(posts[-1].received_at + timedelta(days=1))
        sent = instance.rows(SENT)
        told = instance.rows("SELECT track_id, channel_key FROM told WHERE color = 'red'")
        red = {track for (track,) in instance.rows("SELECT id FROM tracks WHERE color = 'red'")}

    assert sent
    news = defaultdict[tuple[int, str], list[str]](list)
    for track, channel, one, _ in sent:
        news[track, channel].append(one)
    for told_news in news.values():
        changes = [one for one in told_news if one != "still_broken"]
        assert changes == ["broke", "fixed"] * (len(changes) // 2) + ["broke"] * (len(changes) % 2)
    assert all(
        one in {"broke", "fixed"} for (_, channel), some in news.items() if channel.startswith("web") for one in some
    )
    assert {track for track, _ in told} <= red
