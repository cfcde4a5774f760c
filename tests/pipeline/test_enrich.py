"""Asking CircleCI is a courtesy: messages wait for it two minutes at most, and the record is filled in later."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from service.circleci.source import JobFilter, Source, every_job
from service.errors import Temporary
from service.model import DetailKind, Details, Event, FetchPurpose
from service.pipeline.context import RetryPolicy
from service.testing import sample_runs
from service.testing.fake_circleci.faults import Fault, Faults, broken, too_many
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import GREEN, MONDAY, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

LATE = sample_runs.api_late_results(MONDAY)
HASTY = RetryPolicy(jitter=lambda: 0.5, details_timeout=timedelta(seconds=0.1), answer_timeout=timedelta(seconds=0.01))
GREEN_TO_WEB = RED_TO_WEB.replace("[failed, error]", "[success, canceled]")


def told(instance: Instance) -> str:
    """The text of the only message."""
    [(_, message)] = instance.channels.took
    return message.text


async def test_a_message_says_which_tests_failed(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    assert "3 of 214 tests failed" in told(instance)
    assert "By Ada Example" in told(instance)


@pytest.mark.parametrize("run", [sample_runs.web_main_fixed(MONDAY), sample_runs.mobile_canceled(MONDAY)])
async def test_jobs_are_not_fetched_unless_the_workflow_failed(folder: Path, run: Run) -> None:
    async with an_instance(folder, GREEN_TO_WEB) as instance:
        await instance.finish(run)
        await instance.drain()

    assert not [call.path for call in instance.pretend.calls if call.path.endswith(("/job", "/tests"))]
    assert instance.channels.told == ["web (json)"]


async def test_facts_missing_in_a_tags_webhook_are_fetched(folder: Path) -> None:
    async with an_instance(folder, GREEN_TO_WEB) as instance:
        await instance.finish(sample_runs.web_release(MONDAY))
        await instance.drain()

    assert "v2.5.0" in instance.channels.took[0][1].title


async def test_starter_of_a_scheduled_run_is_not_asked_for(instance: Instance) -> None:
    await instance.finish(sample_runs.api_nightly(MONDAY))
    await instance.drain()

    assert [call.path for call in instance.pretend.calls if "/user/" in call.path] == []
    assert "could not be read" not in told(instance)
    assert "Last commit by Grace Example" in told(instance)


async def test_unknown_starter_is_not_mentioned_in_messages(instance: Instance) -> None:
    instance.pretend.faults.next("/user/*", broken(404), times=10)
    delivery = await instance.finish(RED)
    await instance.drain()

    assert "could not be read" not in told(instance)
    assert "Last commit by Ada Example" in told(instance)
    [missing] = (await instance.show(delivery))["details"]["missing"]
    assert missing["reason"].startswith("CircleCI answered 404 to GET /user/{id}")


async def test_workflow_that_may_not_be_seen_is_told(instance: Instance) -> None:
    instance.pretend.faults.next("/workflow/*", broken(404), times=10)
    await instance.finish(RED)
    await instance.drain()

    assert "could not be read: CircleCI answered 404 to GET /workflow/{id}" in told(instance)


async def test_without_circleci_a_message_waits_two_minutes_and_goes(instance: Instance) -> None:
    instance.pretend.faults.next("*", broken(503), times=1000)
    await instance.finish(RED)

    await instance.drain(seconds=0)
    await instance.drain(seconds=119)
    waiting = list(instance.channels.told)
    await instance.drain(seconds=1)

    assert waiting == []
    assert instance.channels.told == ["web (json)"]
    assert "CircleCI answered 503" in told(instance)


async def test_a_message_goes_as_soon_as_circleci_answers_again(instance: Instance) -> None:
    instance.pretend.faults.next("*", broken(503), times=2)
    await instance.finish(RED)
    await instance.drain()

    await instance.drain(seconds=10)

    assert "3 of 214 tests failed" in told(instance)


@pytest.mark.long
async def test_late_details_are_recorded_without_another_message(instance: Instance) -> None:
    instance.pretend.faults.next("*", broken(503), times=1000)
    delivery = await instance.finish(RED)
    await instance.drain()
    await instance.drain(minutes=2)
    instance.pretend.faults = Faults()

    await instance.drain(minutes=10)

    shown = await instance.show(delivery)
    assert shown["details"]["missing"] == []
    assert shown["actor"]["login"] == "ada"
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
@pytest.mark.databases("sqlite")  # hundreds of looks, none of which is about the database
async def test_details_are_not_fetched_after_a_day(instance: Instance) -> None:
    instance.pretend.faults.next("*", broken(503), times=10_000)
    await instance.finish(RED)
    for _ in range(15):
        await instance.drain(hours=2)
    calls = len(instance.pretend.calls)

    await instance.drain(days=1)

    assert len(instance.pretend.calls) == calls
    assert (instance.jobs(), instance.fetches()) == ([], [])


async def test_circleci_is_not_asked_again_before_it_said(instance: Instance) -> None:
    instance.pretend.faults.next("*", too_many("60"))
    await instance.finish(RED)
    await instance.drain()
    calls = len(instance.pretend.calls)

    await instance.drain(seconds=59)
    too_early = len(instance.pretend.calls)
    await instance.drain(seconds=1)

    assert too_early == calls
    assert "3 of 214 tests failed" in told(instance)


async def test_an_hour_that_circleci_asks_for_does_not_put_off_the_message(instance: Instance) -> None:
    instance.pretend.faults.next("*", too_many("3600"))
    await instance.finish(RED)
    await instance.drain()

    await instance.drain(minutes=2)

    assert instance.channels.told == ["web (json)"]


async def test_an_empty_list_of_tests_is_asked_for_once_more(instance: Instance) -> None:
    await instance.finish(LATE)
    await instance.drain()
    waiting = list(instance.channels.told)

    await instance.drain(seconds=10)

    assert waiting == []
    assert "1 of 97 tests failed" in told(instance)


async def test_a_job_that_stores_no_tests_keeps_the_message_for_seconds_only(instance: Instance) -> None:
    await instance.finish(replace(LATE, jobs=(replace(LATE.jobs[0], tests=()),)))
    await instance.drain()

    await instance.drain(seconds=10)
    calls = len(instance.pretend.calls)
    await instance.drain(hours=1)

    assert instance.channels.told == ["web (json)"]
    assert len(instance.pretend.calls) == calls


@pytest.fixture
async def hasty(folder: Path) -> AsyncIterator[Instance]:
    """An instance that waits for a tenth of a second where others wait two minutes."""
    async with an_instance(folder, retry_policy=HASTY) as instance:
        yield instance


async def test_a_circleci_that_hangs_holds_no_message(hasty: Instance) -> None:
    hasty.pretend.faults.next("*", Fault(gate=asyncio.Event()), times=1000)
    delivery = await hasty.finish(RED)

    await hasty.drain()
    await hasty.drain(seconds=0.1)

    assert hasty.channels.told == ["web (json)"]
    missing = (await hasty.show(delivery))["details"]["missing"]
    assert {gap["want"] for gap in missing} == {"actor", "jobs", "tests"}
    assert missing[0]["reason"] == "CircleCI did not answer everything within 0 s"


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_message_is_sent_at_its_deadline_during_a_fetch(instance: Instance) -> None:
    """Many events may wait for a CircleCI that hangs; none of their messages waits for the others."""
    hanging, told = Gate(), instance.expect_word("web (json)")
    instance.pretend.faults.next("*", Fault(gate=hanging), times=1000)

    async with instance.running():
        await instance.finish(RED)
        await hanging.reached.wait()
        instance.clock.tick(minutes=2)
        await instance.post(workflow_completed(GREEN))  # wakes the worker, who looks at the clock
        await told.wait()
        hanging.set()

    assert instance.channels.told == ["web (json)"]


class Gate(asyncio.Event):
    """A gate that also tells when a task waits before it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.reached.set()
        return await super().wait()


class Buggy:
    """A source that cannot be asked, for a reason of ours."""

    has_room = True

    def __init__(self, source: Source, error: Exception) -> None:
        self.name, self.parse = source.name, source.parse
        self.verify, self.identify, self.kept_headers = source.verify, source.identify, source.kept_headers
        self.require_signature, self.find_hook = source.require_signature, source.find_hook
        self.close = source.close
        self.default_branch, self.branches = source.default_branch, source.branches
        self._error = error

    async def enrich(
        self, event: Event, wants: frozenset[DetailKind], known: Details | None, *, passes_of: JobFilter = every_job
    ) -> Details:
        raise self._error


async def test_message_is_sent_without_details_after_an_unexpected_error(instance: Instance) -> None:
    instance.replace_source(lambda source: Buggy(source, ValueError("unforeseen")))
    delivery = await instance.finish(RED)

    await instance.drain()

    [gap] = (await instance.show(delivery))["details"]["missing"]
    assert gap["reason"] == "asking CircleCI failed; please report this: ValueError: unforeseen"
    assert instance.channels.told == ["web (json)"]


async def test_details_at_hand_stay_after_an_unexpected_error(instance: Instance) -> None:
    instance.pretend.faults.next("*/tests", broken(503), times=10)
    delivery = await instance.finish(RED)
    await instance.drain()
    before = (await instance.show(delivery))["details"]
    instance.replace_source(lambda source: Buggy(source, ValueError("unforeseen")))

    await instance.drain(seconds=10)

    after = (await instance.show(delivery))["details"]
    assert before["jobs"]
    assert after["jobs"] == before["jobs"]
    assert after["missing"][:-1] == before["missing"]


async def test_a_database_that_is_away_while_asking_means_asking_again(instance: Instance) -> None:
    sound = instance.service.context.source
    instance.replace_source(lambda source: Buggy(source, Temporary("the database is away")))
    await instance.finish(RED)
    await instance.drain()
    instance.replace_source(lambda _: sound)

    await instance.drain(seconds=5)

    assert "3 of 214 tests failed" in told(instance)


@pytest.mark.databases("sqlite", "postgres")
async def test_asking_twice_at_once_tells_once(instance: Instance) -> None:
    delivery = await instance.finish(RED)
    await instance.process()

    await asyncio.gather(*(instance.fetch(delivery, FetchPurpose.MESSAGE) for _ in range(3)))
    await instance.drain()
    await instance.drain(minutes=5)

    assert instance.channels.told == ["web (json)"]


class Forgotten(Buggy):
    """A source that takes so long to fail that what it is asked about is forgotten meanwhile."""

    def __init__(self, source: Source, error: Exception, instance: Instance) -> None:
        super().__init__(source, error)
        self._instance = instance

    async def enrich(
        self, event: Event, wants: frozenset[DetailKind], known: Details | None, *, passes_of: JobFilter = every_job
    ) -> Details:
        await self._instance.service.pipeline.prune()
        return await super().enrich(event, wants, known)


@pytest.mark.long
@pytest.mark.parametrize("error", [TimeoutError(), ValueError("unforeseen")])
async def test_event_pruned_during_a_fetch_stays_deleted(instance: Instance, error: Exception) -> None:
    delivery = await instance.finish(RED)
    await instance.drain()
    await instance.drain(days=401)
    await instance.act(f"deliveries/{delivery}/replay")
    instance.replace_source(lambda source: Forgotten(source, error, instance))
    await instance.drain()

    left = instance.rows(
        "SELECT id FROM deliveries UNION ALL SELECT id FROM events UNION ALL SELECT event_id FROM details"
    )
    assert (left, instance.jobs(), instance.fetches()) == ([], [], [])
