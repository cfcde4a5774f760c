"""What a back-test claims of a busy day is what the service really sent on it, message by message."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.app.simulation import open_simulation
from service.config.configuration import load
from service.model import KnownProblem
from service.operations.incidents.incidents import act_on, parse_act
from service.operations.incidents.silences import add, expire, parse_silence
from service.operations.simulation.backtest import Span, replay_history
from service.operations.simulation.backtest_report import compare
from service.store.incidents import known_problems
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, Clock, Instance, an_instance, environ

pytestmark = pytest.mark.databases("sqlite", "postgres")

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=10)
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  leads: {channels: [json://leads.example.com]}
  crew: {channels: [json://crew.example.com]}
  logs: {channels: [json://logs.example.com]}
  boss: {channels: [json://boss.example.com]}
routes:
  - name: main
    match: {branch: main}
    receiver: web
    repeat: 1h
    escalate: {after: 2h, receiver: leads}
    continue: true
  - name: office
    match: {branch: [main, topic]}
    receiver: crew
    active: {days: [mon, tue, wed, thu, fri], hours: ["09:00-17:00"], timezone: Europe/Berlin}
    continue: true
  - name: each red
    match: {status: [failed, error]}
    receiver: logs
digests:
  - {name: evening, cron: "0 18 * * *", receiver: boss, skip_empty: true}
  - {name: always, cron: "30 6 * * *", receiver: boss, skip_empty: false}
"""
WITHOUT_CREW = ROUTES.replace("match: {branch: [main, topic]}", "match: {branch: nowhere}")


@dataclass(kw_only=True)
class Day:
    """A service, and the posts it has got: what is due between them is done every ten minutes."""

    instance: Instance
    pipelines: int = 100

    async def until(self, hours: float) -> None:
        """Live on until so many hours after the midnight before."""
        pipeline, end = self.instance.service.pipeline, MONDAY + timedelta(hours=hours)
        while self.instance.clock.now < end:
            later = min(STEP, end - self.instance.clock.now)
            self.instance.clock.tick(minutes=later / timedelta(minutes=1))
            for work in (pipeline.expire_incidents, pipeline.remind, pipeline.plan_digests):
                await work()
            await self.instance.drain()

    async def end(self, branch: str, status: str, *, at: float) -> None:
        """End a run at a time, and tell of it."""
        await self.until(at)
        self.pipelines += 1
        pushed_at = self.instance.clock.now - timedelta(minutes=6)
        await self.instance.finish(a_run(branch, status, self.pipelines, pushed_at))
        await self.instance.drain()

    async def act(self, verb: str, branch: str, *, at: float, **asked: str) -> None:
        """Do something to the newest incident of a branch, as a person does."""
        await self.until(at)
        query = "SELECT incidents.id FROM incidents JOIN tracks ON tracks.id = track_id WHERE branch = ?"
        [(incident_id,), *_] = self.instance.rows(f"{query} ORDER BY opened_at DESC", branch)
        act = parse_act(verb, asked, who="Linh", now=self.instance.clock.now)
        await self.instance.service.context.store.write(act_on, UUID(str(incident_id)), act)

    async def silence(self, matchers: Mapping[str, Any], *, at: float, until: str) -> UUID:
        """Set a silence; its id."""
        await self.until(at)
        asked = {"matchers": matchers, "until": until, "comment": "a move"}
        silence = parse_silence(asked, who="Linh", now=self.instance.clock.now)
        await add(self.instance.service.context.store, silence)
        return silence.id

    async def end_silence(self, silence_id: UUID, *, at: float) -> None:
        """End a silence early."""
        await self.until(at)
        context = self.instance.service.context
        await expire(context.store, context.jobs, silence_id, who="Linh", now=self.instance.clock.now)
        await self.instance.drain()


def a_run(branch: str, status: str, number: int, pushed_at: datetime) -> Run:
    return replace(RED, branch=branch, status=status, number=number, pushed_at=pushed_at)


@asynccontextmanager
async def a_day(folder: Path, routes: str = ROUTES) -> AsyncIterator[Day]:
    async with an_instance(folder, routes, clock=Clock(now=MONDAY + timedelta(hours=7))) as instance:
        yield Day(instance=instance)


async def played(folder: Path, instance: Instance, routes: str, *, other: str | None = None) -> Any:
    """Play the history of an instance through routes, beside what was sent or what other routes send."""
    (folder / "tried").mkdir(exist_ok=True)
    tried = load(environ(folder / "tried", routes), serving=False)
    span = Span(since=MONDAY, until=instance.clock.now)
    source, store = instance.service.context.source, instance.service.context.store
    async with open_simulation(tried) as first:
        if other is None:
            return await compare(first.context.store, store, await replay_history(store, source, [first], span))
        current = load(environ(folder / "tried", other), serving=False)
        async with open_simulation(current) as second:
            found = await replay_history(store, source, [first, second], span)
            return await compare(first.context.store, second.context.store, found)


async def live_a_busy_day(day: Day) -> None:
    """Live through a Monday, its night and a morning: all that may tell or keep back."""
    await day.end("main", "failed", at=7.5)  # quiet hours in Berlin until 8:00 UTC
    await day.end("topic", "failed", at=7.6)
    await day.end("topic", "success", at=7.7)
    await day.end("main", "failed", at=9.05)
    await day.act("take", "main", at=10.8, until="2h")  # after two reminders, an hour after the escalation
    await day.end("main", "success", at=14.05)  # reminded since 12.8
    await day.end("main", "failed", at=15.05)
    await day.act("mute", "main", at=15.5)
    await day.end("main", "success", at=19.05)
    silence = await day.silence({"branch": "topic"}, at=19.5, until="12h")
    await day.end("topic", "failed", at=20.05)
    await day.end("topic", "error", at=21.05)
    await day.end_silence(silence, at=22)
    await day.end("main", "failed", at=23.05)
    await day.act("take", "main", at=23.2)
    await day.act("release", "main", at=26.05)
    await day.end("main", "success", at=28.3)
    await day.end("topic", "success", at=33.05)
    await day.until(43)


EARLY = """
    SELECT id FROM notifications
    WHERE news = 'digest' AND sent_at < (SELECT min(received_at) FROM events)
"""
"""Digests from before the first event: a back-test begins with the history."""
SENT = """
    SELECT news, count(*) FROM notifications
    WHERE sent_at IS NOT NULL AND NOT (news = 'digest' AND sent_at < (SELECT min(received_at) FROM events))
    GROUP BY news
"""


@pytest.mark.long
async def test_claims_of_a_busy_day_are_what_was_sent(folder: Path) -> None:
    async with a_day(folder) as day:
        await live_a_busy_day(day)
        early = day.instance.rows(EARLY)
        sent = day.instance.rows(SENT)
        found = await played(folder, day.instance, ROUTES)

    assert (found["new"], found["gone"]) == ([], [])
    assert found["by_news"] == dict(sorted(sent))
    assert found["messages"] == len(day.instance.channels.took) - len(early)
    assert {"broke", "fixed", "run", "reminder", "escalation", "digest", "summary"} <= found["by_news"].keys()
    assert found["acts"] == {"take": 2, "release": 1, "mute": 1, "silence": 1}
    assert "reminders" in found["included"]


@pytest.mark.long
async def test_other_routes_differ_by_what_they_leave_out(folder: Path) -> None:
    async with a_day(folder) as day:
        await day.end("main", "failed", at=8.5)
        await day.end("topic", "failed", at=8.7)
        await day.end("main", "success", at=9.5)
        before = day.instance.rows("SELECT count(*) FROM notifications")
        found = await played(folder, day.instance, WITHOUT_CREW)
        beside = await played(folder, day.instance, WITHOUT_CREW, other=ROUTES)
        assert day.instance.rows("SELECT count(*) FROM notifications") == before

    assert found["routes"] == beside["routes"]
    assert (found["new"], beside["new"]) == ([], [])
    assert [(one["receiver"], one["news"], one["branch"]) for one in found["gone"]] == [
        ("crew", "broke", "main"),
        ("crew", "broke", "topic"),
        ("crew", "fixed", "main"),
    ]
    assert found["a_day"] is None  # of less than a day no rate is known
    assert all(one["a_day"] is None for one in found["routes"])


@pytest.mark.long
async def test_known_problem_is_muted_from_its_time_on(folder: Path) -> None:
    async with a_day(folder) as day:
        await day.end("main", "failed", at=8.5)
        await day.end("main", "success", at=9.4)
        problem = KnownProblem(
            id=UUID(int=7),
            title="flaky checkout",
            pattern="*",
            is_muted=True,
            added_by="Linh",
            created_at=day.instance.clock.now,
        )
        await day.instance.service.context.store.write(known_problems.put, problem)
        await day.end("main", "failed", at=10.5)
        await day.end("main", "success", at=11.5)
        early = day.instance.rows(EARLY)
        found = await played(folder, day.instance, ROUTES)

    assert (found["new"], found["gone"]) == ([], [])
    assert found["messages"] == len(day.instance.channels.took) - len(early)
    assert found["acts"] == {"known_problem": 1}


@pytest.mark.long
async def test_history_that_is_shorter_than_the_span_is_measured_by_itself(folder: Path) -> None:
    async with a_day(folder) as day:
        await day.end("main", "failed", at=8)
        await day.end("main", "success", at=9)
        await day.until(8 + 48)
        found = await played(folder, day.instance, ROUTES)

    assert found["days"] == pytest.approx(2.0, abs=0.01)  # and not since midnight
    assert found["a_day"] == pytest.approx(found["messages"] / 2, abs=0.01)


GROUPED = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - name: all
    match: {transition: [broke, fixed]}
    receiver: web
    group: {by: [receiver], wait: 5m}
"""


@pytest.mark.long
async def test_news_of_a_group_are_one_message(folder: Path) -> None:
    async with a_day(folder, GROUPED) as day:
        for branch in ("main", "topic", "other"):
            await day.end(branch, "failed", at=8)
        await day.end("main", "success", at=8.5)
        await day.end("topic", "success", at=9)
        await day.until(10)
        found = await played(folder, day.instance, GROUPED)

    assert (found["new"], found["gone"]) == ([], [])
    assert found["messages"] == len(day.instance.channels.took) == 3
    assert found["by_news"] == {"fixed": 2, "summary": 1}


PATIENT = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - {name: main, match: {branch: main}, receiver: web}
projects:
  gh/acme/*: {rerun_wait: 10m}
"""


def a_rerun(number: int, attempt: int, status: str, pushed_at: datetime) -> Run:
    """A run that ends a minute after the push, and each automatic rerun four minutes later."""
    jobs = tuple(replace(job, starts_s=0, lasts_s=60) for job in RED.jobs)
    one = replace(RED, jobs=jobs, number=number, status=status, attempt=attempt + 1, auto_reruns=(attempt, 2))
    return replace(one, waited_s=240 * attempt, pushed_at=pushed_at)


@pytest.mark.long
async def test_automatic_reruns_are_waited_for(folder: Path) -> None:
    statuses = {500: ["failed", "success"], 501: ["failed"] * 3, 502: ["success"], 503: ["failed"], 504: ["failed"]}
    async with a_day(folder, PATIENT) as day:
        for number, results in statuses.items():
            pushed_at = day.instance.clock.now
            for attempt, status in enumerate(results):
                run = a_rerun(number, attempt, status, pushed_at)
                await day.until((run.stopped_at - MONDAY) / timedelta(hours=1))
                await day.instance.finish(run)
                await day.instance.drain()
            await day.until((day.instance.clock.now - MONDAY) / timedelta(hours=1) + 0.5)
        found = await played(folder, day.instance, PATIENT)

    assert (found["new"], found["gone"]) == ([], [])
    assert found["by_news"] == {"broke": 2, "fixed": 1}
    assert found["messages"] == len(day.instance.channels.took)
