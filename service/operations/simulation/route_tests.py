"""Run the tests of roundsman.yaml: runs go through its routes on simulated time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from service.db.tables import Transaction
from service.model import (
    TEST_DAY,
    Event,
    ExpectedMessage,
    News,
    Pipeline,
    Project,
    RouteTest,
)
from service.operations.simulation.route_test import build_event
from service.operations.simulation.simulation import Simulation, simulated
from service.store.events import events
from service.store.reports import backtests
from service.store.reports.backtests import SentMessage

RUN_TIME = timedelta(seconds=30)
AFTERWARDS = timedelta(days=8)
"""The time after the last run in which messages are waited for: longer than a week of quiet hours."""

BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
MAX_MESSAGES = 10_000
_IDS = UUID("3c1f7c0e-6d0b-5b7f-8f57-5a2f0c9d1e44")


@dataclass(frozen=True, kw_only=True)
class RouteTestResult:
    """The outcome of a test.

    missing      messages that were expected and not sent
    unexpected   messages that were sent and not expected
    """

    name: str
    missing: tuple[ExpectedMessage, ...]
    unexpected: tuple[ExpectedMessage, ...]

    @property
    def is_passed(self) -> bool:
        """True if exactly the expected messages were sent."""
        return not self.missing and not self.unexpected


async def run_route_test(test: RouteTest, simulation: Simulation) -> RouteTestResult:
    """Run one test in a simulation, which is emptied first."""
    store = simulation.context.store
    await store.write(backtests.empty)
    posts = sorted(_posts(test, simulation), key=lambda event: event.received_at)
    simulation.clock.now = posts[0].received_at
    await simulation.play([simulated(event) for event in posts])
    await simulation.finish(posts[-1].received_at + AFTERWARDS)
    return _result(test, await store.read(_read_messages))


def _posts(test: RouteTest, simulation: Simulation) -> Iterator[Event]:
    pipeline = 0
    for position, given in enumerate(test.given):
        pipeline = given.pipeline or pipeline + 1
        event_id = uuid5(_IDS, f"{test.name} {position}")
        blank = build_event(None, simulation.context.source, given.facts)
        slug = given.facts.get("project", "gh/acme/web")
        project = (
            replace(blank.project, id=str(uuid5(_IDS, slug))) if blank.project.slug else Project(id=slug, slug=slug)
        )
        workflow = replace(
            blank.workflow,
            id=str(event_id),
            name=blank.workflow.name or "build",
            status=given.facts["status"],
            created_at=given.at - RUN_TIME,
            stopped_at=given.at,
        )
        yield replace(
            blank,
            id=event_id,
            source_event_id=f"{test.name} {position}",
            happened_at=given.at,
            received_at=given.at,
            project=project,
            pipeline=Pipeline(id=f"{slug} {pipeline}", number=pipeline),
            workflow=workflow,
        )


def _read_messages(transaction: Transaction) -> list[ExpectedMessage]:
    """Return what receivers were sent, oldest first: once for all channels of each."""
    sent = backtests.read_sent(transaction, (BEGINNING, END), backtests.FIRST_ID, MAX_MESSAGES)
    of_ids = events.find_all(transaction, {one.event_id for one in sent if one.event_id})
    messages = {
        (one.receiver, one.route, one.topic): _message(one, of_ids.get(one.event_id) if one.event_id else None)
        for one in sent
    }
    return sorted(messages.values(), key=lambda one: (one.at or BEGINNING, one.receiver, one.route or ""))


def _message(one: SentMessage, event: Event | None) -> ExpectedMessage:
    transition = one.news.value
    if one.news is News.RUN and event is not None and event.run is not None:
        transition = event.run.transition.value
    return ExpectedMessage(receiver=one.receiver, transition=transition, route=one.route or None, at=one.sent_at)


def _result(test: RouteTest, messages: Sequence[ExpectedMessage]) -> RouteTestResult:
    left, missing = list(messages), []
    for expected in test.expect:
        found = next((one for one in left if _fits(expected, one)), None)
        if found is None:
            missing.append(expected)
        else:
            left.remove(found)
    return RouteTestResult(name=test.name, missing=tuple(missing), unexpected=tuple(left))


def _fits(expected: ExpectedMessage, message: ExpectedMessage) -> bool:
    """Return whether a message is as expected; times are compared to the minute."""
    if expected.at is not None and (message.at is None or _minute(message.at) != _minute(expected.at)):
        return False
    names = ("receiver", "transition", "route")
    return all(getattr(expected, name) in {None, getattr(message, name)} for name in names)


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def in_words(message: ExpectedMessage) -> str:
    """Return a message as the file has it.

    Such as ``{receiver: web, transition: broke, at: "10:00"}``.
    """
    at = message.at
    shown = {
        "receiver": message.receiver,
        "route": message.route,
        "transition": message.transition,
        "at": None if at is None else f'"{at:%H:%M}"' if at.date() == TEST_DAY.date() else f"{at:%Y-%m-%dT%H:%M}Z",
    }
    return "{" + ", ".join(f"{name}: {value}" for name, value in shown.items() if value is not None) + "}"
