"""Facts of red runs are worked out once for the channels of an event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Engine
from sqlalchemy.event import listen as listen_to
from sqlalchemy.event import remove

from service.model import Details, RedFacts
from service.pipeline.judgment.recent_facts import MAX_FACTS, VALID_FOR, RecentFacts
from tests.support.app_fixture import RED, RED_TO_WEB, an_instance
from tests.support.example_events import FAILED

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TWO = RED_TO_WEB.replace("[json://web.example.com]", "[json://web.example.com, json://two.example.com]")


class Work:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> RedFacts:
        self.times += 1
        return RedFacts(usual_ms=self.times)


def test_facts_are_worked_out_once_for_what_is_known() -> None:
    facts, work = RecentFacts(), Work()

    first = facts.find(FAILED, None, NOW, work)
    assert facts.find(FAILED, None, NOW + VALID_FOR, work) == first
    assert work.times == 1
    facts.find(FAILED, Details(rounds=1), NOW, work)
    facts.find(replace(FAILED, id=UUID(int=7)), None, NOW, work)
    assert work.times == 3


def test_facts_of_long_ago_or_of_a_clock_set_back_are_worked_out_anew() -> None:
    facts, work = RecentFacts(), Work()

    for at in (NOW, NOW + VALID_FOR + timedelta(milliseconds=1), NOW):
        facts.find(FAILED, None, at, work)

    assert work.times == 3


def test_facts_of_few_events_are_kept() -> None:
    facts, work = RecentFacts(), Work()
    for rounds in range(MAX_FACTS + 1):
        facts.find(FAILED, Details(rounds=rounds), NOW, work)

    facts.find(FAILED, Details(rounds=1), NOW, work)
    assert work.times == MAX_FACTS + 1
    facts.find(FAILED, Details(rounds=0), NOW, work)
    assert work.times == MAX_FACTS + 2


async def test_a_second_channel_costs_no_look_at_the_tests(folder: Path) -> None:
    looks: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        looks.extend(["greens"] if "PARTITION BY runs" in statement else [])

    async with an_instance(folder, TWO) as instance:
        listen_to(Engine, "before_cursor_execute", listen)
        try:
            await instance.finish(RED)
            await instance.drain()
        finally:
            remove(Engine, "before_cursor_execute", listen)

        assert len(instance.channels.told) == 2
        assert looks == ["greens"]
