"""The numbers at /metrics: under names that stay, true of all processes where that matters, and there in bad times."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, event
from starlette.applications import Starlette

from service.errors import Permanent
from service.health import CheckLimits, Readiness
from service.metrics import Metrics
from service.model import Outcome
from service.queue.procrastinate import ProcrastinateQueue
from service.queue.procrastinate_sql import ProcrastinateRows
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.web.api import Api
from service.web.auth.access import Access
from tests.support.app_fixture import GREEN, RED, SECRET, Instance, an_instance
from tests.support.databases import Database
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.ports import free_port

BOTH = pytest.mark.databases("sqlite", "postgres")

NOTHING = dict.fromkeys(("kept", "duplicate", "bad_signature", "refused", "not_kept", "broken_off"), 0)
OURS = {
    *(
        "deliveries",
        "signed",
        "events",
        "decisions",
        "attempts",
        "dead_letters",
        "circleci_calls",
        "circleci_rate_limit_waits",
        "logins_refused",
    ),
    *("circleci_call_seconds", "request_seconds", "job_seconds", "build_info"),
    *("database_up", "queue_depth", "queue_oldest_age_seconds", "worker_last_look_timestamp_seconds"),
    *("worker_silent_seconds", "clock_offset_seconds", "seal_age_seconds", "uncovered_seconds"),
    *("dead_letters_waiting", "process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds"),
}


@contextmanager
def noted(note: Callable[..., None]) -> Iterator[None]:
    """Have every statement that reaches the database noted."""
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def scraped(instance: Instance) -> dict[str, Metric]:
    response = await instance.http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name.removeprefix("roundsman_"): family for family in text_string_to_metric_families(response.text)}


async def values(instance: Instance, name: str) -> dict[Any, float]:
    """What a metric says, by its labels' values: a string for one label, a tuple for several."""
    counted = [one for one in (await scraped(instance))[name].samples if not one.name.endswith(("_bucket", "_sum"))]
    return {next(iter(key)) if len(key := tuple(one.labels.values())) == 1 else key: one.value for one in counted}


async def value(instance: Instance, name: str) -> float:
    [sample] = (await scraped(instance))[name].samples
    return sample.value


@pytest.mark.long
@BOTH
async def test_a_story_leaves_its_numbers_under_names_that_stay(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    assert (await scraped(instance)).keys() >= OURS
    assert await values(instance, "attempts") == {("json", "sent"): 1}
    assert (await values(instance, "deliveries"))["kept"] == 1
    assert (await values(instance, "events"))["workflow-completed"] == 1
    assert (await values(instance, "decisions"))["matched"] == 1


def test_a_label_of_several_words_is_shown_as_one() -> None:
    metrics = Metrics()

    metrics.attempts.labels("slack", Outcome.PUT_OFF).inc()
    metrics.job_seconds.labels("send", "cut_off").observe(1)

    shown = metrics.text().decode()
    assert 'roundsman_attempts_total{channel="slack",outcome="put_off"} 1.0' in shown
    assert 'roundsman_job_seconds_count{kind="send",outcome="cut_off"} 1.0' in shown


async def test_every_name_is_ours(instance: Instance) -> None:
    text = (await instance.http.get("/metrics")).text

    assert all(family.name.startswith("roundsman_") for family in text_string_to_metric_families(text))


async def test_what_is_known_to_come_is_there_as_nothing_so_that_a_rate_has_a_beginning(instance: Instance) -> None:
    assert await values(instance, "deliveries") == NOTHING
    assert await values(instance, "dead_letters") == {"delivery": 0, "notification": 0}
    assert (await values(instance, "decisions"))["preceded"] == 0
    assert (await values(instance, "events"))["ping"] == 0


async def test_every_result_of_a_post_is_one_of_those(instance: Instance) -> None:
    await instance.send(as_bytes(workflow_completed(RED)), secret="another")
    await instance.send(b"{}", **{"content-encoding": "gzip"})
    await instance.post(workflow_completed(GREEN))
    await instance.post(workflow_completed(GREEN))

    said = await values(instance, "deliveries")

    assert said == NOTHING | {"bad_signature": 1, "refused": 1, "kept": 1, "duplicate": 1}


@BOTH
async def test_they_say_which_release_this_is_and_on_what_database(instance: Instance, kind_of_database: str) -> None:
    [build] = (await scraped(instance))["build_info"].samples

    assert build.labels == {"version": "0.1.0", "database": kind_of_database, "role": "serve"}


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_they_say_how_much_is_due_and_for_how_long(instance: Instance) -> None:
    await instance.finish(RED)
    instance.clock.tick(seconds=90)

    assert await value(instance, "queue_depth") == 1
    assert await value(instance, "queue_oldest_age_seconds") == 90


@BOTH
async def test_they_say_when_a_worker_last_looked_and_that_there_is_none(instance: Instance) -> None:
    before = await value(instance, "worker_last_look_timestamp_seconds")
    async with instance.running():
        while not (looked := await value(instance, "worker_last_look_timestamp_seconds")):
            pass

    assert before == 0
    assert looked == pytest.approx(instance.clock().timestamp(), abs=30)


@pytest.mark.long
@BOTH
async def test_dead_letters_are_counted_as_they_are_made_and_as_they_wait(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("the channel is gone")]
    await instance.send(b'{"type": "something-new"}')
    await instance.finish(RED)
    await instance.drain()
    made, waiting = await values(instance, "dead_letters"), await values(instance, "dead_letters_waiting")
    [notification] = (await instance.dead_letters())["notifications"]

    await instance.act(f"notifications/{notification['id']}/resend")

    assert made == waiting == {"delivery": 1, "notification": 1}
    assert await values(instance, "dead_letters_waiting") == {"delivery": 1, "notification": 0}
    assert (await values(instance, "dead_letters"))["notification"] == 1


async def test_what_is_asked_of_the_tables_is_answered_by_indexes_not_by_everything_kept(instance: Instance) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.extend([statement] if statement.startswith("SELECT") else [])

    with noted(note):
        await scraped(instance)

    plans = [
        row[-1]
        for statement in asked
        for row in instance.rows(f"EXPLAIN QUERY PLAN {statement}", *["0"] * statement.count("?"))
    ]
    scanned = Counter(plan for plan in plans if plan.startswith("SCAN"))
    assert len(asked) == 11
    assert scanned == {
        "SCAN sqlite_master": 1,
        "SCAN alembic_version": 1,
        "SCAN CONSTANT ROW": 1,  # of the two counts of dead letters
        "SCAN secret_uses": 1,
        "SCAN alarms": 1,
    }  # these stay small, and are asked in any order


async def test_jobs_are_counted_with_how_they_ended(instance: Instance) -> None:
    await instance.finish(GREEN)

    await instance.drain()

    assert await values(instance, "job_seconds") == {("decide", "done"): 1}


async def test_requests_are_timed_by_route_and_not_by_address(instance: Instance) -> None:
    red = await instance.finish(RED)
    await instance.drain()
    for path in (f"/api/v1/events/{red}", "/api/v1/events/1", "/wp-login.php", "/.env"):
        await instance.http.get(path)

    timed = await values(instance, "request_seconds")

    assert timed == {"/hooks/circleci": 1, "/api/v1/events/{id}": 2, "none": 2}


async def test_they_name_no_project_and_no_person(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    text = (await instance.http.get("/metrics")).text

    assert not [name for name in ("acme", "web", "ada", "main") if name in text.replace("webhook", "")]


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_while_the_database_is_away_they_say_so_and_nothing_that_was_true_before(
    instance: Instance, database: Database
) -> None:
    await instance.finish(RED)
    before = [await value(instance, name) for name in ("database_up", "queue_depth")]

    with psycopg.connect(database.url) as other:
        other.execute("LOCK TABLE heartbeats, notifications IN ACCESS EXCLUSIVE MODE")
        away = {
            name: await value(instance, name) for name in ("database_up", "queue_depth", "queue_oldest_age_seconds")
        }
        kept = await values(instance, "deliveries")
        other.rollback()

    assert before == [1, 1]
    assert away["database_up"] == 0
    assert math.isnan(away["queue_depth"])
    assert math.isnan(away["queue_oldest_age_seconds"])
    assert kept["kept"] == 1
    assert [await value(instance, name) for name in ("database_up", "queue_depth")] == [1, 1]


async def test_a_postgres_that_is_not_there_is_away_too(folder: Path) -> None:
    nowhere = f"postgresql://ci@127.0.0.1:{free_port()}/ci"
    async with an_instance(folder, ROUNDSMAN_DATABASE_URL=nowhere) as instance:
        assert await value(instance, "database_up") == 0


class NeverAnswers(ProcrastinateRows):
    """A database behind a network that swallows everything."""

    async def since_last_heartbeat(self) -> timedelta | None:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_database_that_never_answers_holds_up_no_scraper(instance: Instance) -> None:
    context = instance.service.context
    jobs = ProcrastinateQueue("postgresql://ci@db.example.com/ci", NeverAnswers(context.store), clock=instance.clock)
    access = Access(
        admin_token=ADMIN_TOKEN, public_url=None, clock=instance.clock, store=context.store, metrics=context.metrics
    )
    limits = CheckLimits(timeout_s=0.01)
    readiness = Readiness(
        context.store, jobs, heartbeat=instance.service.heartbeat, clock=instance.clock, limits=limits
    )
    api = Api(
        store=context.store,
        jobs=jobs,
        access=access,
        metrics=context.metrics,
        clock=instance.clock,
        readiness=readiness,
    )
    transport = httpx.ASGITransport(Starlette(routes=api.health_routes()))

    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        response = await http.get("/metrics")

    assert response.status_code == 200
    assert "roundsman_database_up 0.0" in response.text


async def test_they_say_which_secret_signed_what_was_kept(folder: Path) -> None:
    body = as_bytes(workflow_completed(RED))
    async with an_instance(folder, ROUNDSMAN_WEBHOOK_SECRETS=f"another,{SECRET}") as instance:
        before = await values(instance, "signed")
        await instance.send(body)
        await instance.send(body)
        await instance.send(as_bytes(workflow_completed(GREEN)), secret="another")
        await instance.send(body, secret="a third")

        assert before == {"1": 0, "2": 0}
        assert await values(instance, "signed") == {"1": 1, "2": 2}
