"""Queue jobs in log and metrics: each outcome is logged and counted, and no error is swallowed."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
import structlog

from service.errors import Temporary
from service.metrics import Metrics
from service.pipeline.instrument import instrumented
from service.queue.handlers import Handler
from tests.support.log_capture import Talk, logged

AWAY = Temporary("the database cannot be read now")
ENDS = [(None, "done"), (AWAY, "put_off"), (ValueError("a bug"), "failed"), (asyncio.CancelledError(), "cut_off")]


@pytest.fixture
def talk() -> Iterator[Talk]:
    with logged() as talk:
        yield talk


def ending(how: BaseException | None) -> Handler:
    async def handle(_subject: object) -> None:
        if how:
            raise how

    return handle


async def end(kind: str, how: BaseException | None, metrics: Metrics) -> BaseException | None:
    """Run a job as an engine does, in a task of its own; what came out of it."""
    subject, job = uuid4(), instrumented(kind, ending(how), metrics)
    [came_out] = await asyncio.gather(asyncio.create_task(job(subject)), return_exceptions=True)  # type: ignore[arg-type] # reason: a handler is a coroutine function
    return came_out


@pytest.mark.parametrize(("how", "outcome"), ENDS)
async def test_log_line_and_metrics_have_the_jobs_outcome(talk: Talk, how: BaseException | None, outcome: str) -> None:
    metrics = Metrics()

    came_out = await end("enrich", how, metrics)

    [line] = talk.lines
    assert type(came_out) is type(how)
    assert (line["event"], line["job"], line["outcome"]) == ("job", "enrich", outcome)
    labels = {"kind": "enrich", "outcome": outcome.replace(" ", "_")}
    assert metrics.registry.get_sample_value("roundsman_job_seconds_count", labels) == 1


@pytest.mark.parametrize(("how", "outcome"), ENDS[1:])
async def test_send_without_an_attempt_line_logs_its_own(talk: Talk, how: BaseException, outcome: str) -> None:
    await end("send", how, Metrics())

    assert [(line["job"], line["outcome"]) for line in talk.lines] == [("send", outcome)]


async def test_a_send_that_went_well_leaves_the_word_to_its_attempt(talk: Talk) -> None:
    await end("send", None, Metrics())

    assert talk.lines == []


async def test_failure_lines_name_the_job_and_do_not_leak_into_the_next(talk: Talk) -> None:
    subject = uuid4()

    async def engine() -> None:
        with pytest.raises(Temporary):
            await instrumented("process", ending(AWAY), Metrics())(subject)
        structlog.get_logger().info("a failure's record")

    await asyncio.create_task(engine())
    structlog.get_logger().info("something else")

    [_, record, other] = talk.lines
    assert (record["job"], record["subject"]) == ("process", str(subject))
    assert "job" not in other
