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
from tests.support.app_fixture import GREEN, MONDAY, RED, RED_TO_WEB, House, a_house

pytestmark = pytest.mark.databases("sqlite", "postgres")

LATE = sample_runs.api_late_results(MONDAY)
HASTY = RetryPolicy(jitter=lambda: 0.5, details_timeout=timedelta(seconds=0.1), answer_timeout=timedelta(seconds=0.01))
GREEN_TO_WEB = RED_TO_WEB.replace("[failed, error]", "[success, canceled]")


def told(house: House) -> str:
    """The text of the only message."""
    [(_, message)] = house.channels.took
    return message.text


async def test_a_message_says_which_tests_failed(house: House) -> None:
    await house.finish(RED)
    await house.drain()

    assert "3 of 214 tests failed" in told(house)
    assert "By Ada Example" in told(house)


@pytest.mark.parametrize("run", [sample_runs.web_main_fixed(MONDAY), sample_runs.mobile_canceled(MONDAY)])
async def test_jobs_are_not_fetched_unless_the_workflow_failed(folder: Path, run: Run) -> None:
    async with a_house(folder, GREEN_TO_WEB) as house:
        await house.finish(run)
        await house.drain()

    assert not [call.path for call in house.pretend.calls if call.path.endswith(("/job", "/tests"))]
    assert house.channels.told == ["web (json)"]


async def test_facts_missing_in_a_tags_webhook_are_fetched(folder: Path) -> None:
    async with a_house(folder, GREEN_TO_WEB) as house:
        await house.finish(sample_runs.web_release(MONDAY))
        await house.drain()

    assert "v2.5.0" in house.channels.took[0][1].title


async def test_starter_of_a_scheduled_run_is_not_asked_for(house: House) -> None:
    await house.finish(sample_runs.api_nightly(MONDAY))
    await house.drain()

    assert [call.path for call in house.pretend.calls if "/user/" in call.path] == []
    assert "could not be read" not in told(house)
    assert "Last commit by Grace Example" in told(house)


async def test_unknown_starter_is_not_mentioned_in_messages(house: House) -> None:
    house.pretend.faults.next("/user/*", broken(404), times=10)
    delivery = await house.finish(RED)
    await house.drain()

    assert "could not be read" not in told(house)
    assert "Last commit by Ada Example" in told(house)
    [missing] = (await house.show(delivery))["details"]["missing"]
    assert missing["reason"].startswith("CircleCI answered 404 to GET /user/{id}")


async def test_workflow_that_may_not_be_seen_is_told(house: House) -> None:
    house.pretend.faults.next("/workflow/*", broken(404), times=10)
    await house.finish(RED)
    await house.drain()

    assert "could not be read: CircleCI answered 404 to GET /workflow/{id}" in told(house)


async def test_without_circleci_a_message_waits_two_minutes_and_goes(house: House) -> None:
    house.pretend.faults.next("*", broken(503), times=1000)
    await house.finish(RED)

    await house.drain(seconds=0)
    await house.drain(seconds=119)
    waiting = list(house.channels.told)
    await house.drain(seconds=1)

    assert waiting == []
    assert house.channels.told == ["web (json)"]
    assert "CircleCI answered 503" in told(house)


async def test_a_message_goes_as_soon_as_circleci_answers_again(house: House) -> None:
    house.pretend.faults.next("*", broken(503), times=2)
    await house.finish(RED)
    await house.drain()

    await house.drain(seconds=10)

    assert "3 of 214 tests failed" in told(house)


@pytest.mark.long
async def test_late_details_are_recorded_without_another_message(house: House) -> None:
    house.pretend.faults.next("*", broken(503), times=1000)
    delivery = await house.finish(RED)
    await house.drain()
    await house.drain(minutes=2)
    house.pretend.faults = Faults()

    await house.drain(minutes=10)

    shown = await house.show(delivery)
    assert shown["details"]["missing"] == []
    assert shown["actor"]["login"] == "ada"
    assert house.channels.told == ["web (json)"]


@pytest.mark.long
@pytest.mark.databases("sqlite")  # hundreds of looks, none of which is about the database
async def test_details_are_not_fetched_after_a_day(house: House) -> None:
    house.pretend.faults.next("*", broken(503), times=10_000)
    await house.finish(RED)
    for _ in range(15):
        await house.drain(hours=2)
    calls = len(house.pretend.calls)

    await house.drain(days=1)

    assert len(house.pretend.calls) == calls
    assert (house.jobs(), house.fetches()) == ([], [])


async def test_circleci_is_not_asked_again_before_it_said(house: House) -> None:
    house.pretend.faults.next("*", too_many("60"))
    await house.finish(RED)
    await house.drain()
    calls = len(house.pretend.calls)

    await house.drain(seconds=59)
    too_early = len(house.pretend.calls)
    await house.drain(seconds=1)

    assert too_early == calls
    assert "3 of 214 tests failed" in told(house)


async def test_an_hour_that_circleci_asks_for_does_not_put_off_the_message(house: House) -> None:
    house.pretend.faults.next("*", too_many("3600"))
    await house.finish(RED)
    await house.drain()

    await house.drain(minutes=2)

    assert house.channels.told == ["web (json)"]


async def test_an_empty_list_of_tests_is_asked_for_once_more(house: House) -> None:
    await house.finish(LATE)
    await house.drain()
    waiting = list(house.channels.told)

    await house.drain(seconds=10)

    assert waiting == []
    assert "1 of 97 tests failed" in told(house)


async def test_a_job_that_stores_no_tests_keeps_the_message_for_seconds_only(house: House) -> None:
    await house.finish(replace(LATE, jobs=(replace(LATE.jobs[0], tests=()),)))
    await house.drain()

    await house.drain(seconds=10)
    calls = len(house.pretend.calls)
    await house.drain(hours=1)

    assert house.channels.told == ["web (json)"]
    assert len(house.pretend.calls) == calls


@pytest.fixture
async def hasty(folder: Path) -> AsyncIterator[House]:
    """A house that waits for a tenth of a second where others wait two minutes."""
    async with a_house(folder, retry_policy=HASTY) as house:
        yield house


async def test_a_circleci_that_hangs_holds_no_message(hasty: House) -> None:
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
async def test_message_is_sent_at_its_deadline_during_a_fetch(house: House) -> None:
    """Many events may wait for a CircleCI that hangs; none of their messages waits for the others."""
    hanging, told = Gate(), house.expect_word("web (json)")
    house.pretend.faults.next("*", Fault(gate=hanging), times=1000)

    async with house.running():
        await house.finish(RED)
        await hanging.reached.wait()
        house.clock.tick(minutes=2)
        await house.post(workflow_completed(GREEN))  # wakes the worker, who looks at the clock
        await told.wait()
        hanging.set()

    assert house.channels.told == ["web (json)"]


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


async def test_message_is_sent_without_details_after_an_unexpected_error(house: House) -> None:
    house.replace_source(lambda source: Buggy(source, ValueError("unforeseen")))
    delivery = await house.finish(RED)

    await house.drain()

    [gap] = (await house.show(delivery))["details"]["missing"]
    assert gap["reason"] == "asking CircleCI failed; please report this: ValueError: unforeseen"
    assert house.channels.told == ["web (json)"]


async def test_a_database_that_is_away_while_asking_means_asking_again(house: House) -> None:
    sound = house.service.context.source
    house.replace_source(lambda source: Buggy(source, Temporary("the database is away")))
    await house.finish(RED)
    await house.drain()
    house.replace_source(lambda _: sound)

    await house.drain(seconds=5)

    assert "3 of 214 tests failed" in told(house)


@pytest.mark.databases("sqlite", "postgres")
async def test_asking_twice_at_once_tells_once(house: House) -> None:
    delivery = await house.finish(RED)
    await house.process()

    await asyncio.gather(*(house.fetch(delivery, FetchPurpose.MESSAGE) for _ in range(3)))
    await house.drain()
    await house.drain(minutes=5)

    assert house.channels.told == ["web (json)"]


class Forgotten(Buggy):
    """A source that takes so long to fail that what it is asked about is forgotten meanwhile."""

    def __init__(self, source: Source, error: Exception, house: House) -> None:
        super().__init__(source, error)
        self._house = house

    async def enrich(
        self, event: Event, wants: frozenset[DetailKind], known: Details | None, *, passes_of: JobFilter = every_job
    ) -> Details:
        await self._house.service.pipeline.prune()
        return await super().enrich(event, wants, known)


@pytest.mark.long
@pytest.mark.parametrize("error", [TimeoutError(), ValueError("unforeseen")])
async def test_event_pruned_during_a_fetch_stays_deleted(house: House, error: Exception) -> None:
    delivery = await house.finish(RED)
    await house.drain()
    await house.drain(days=401)
    await house.act(f"deliveries/{delivery}/replay")
    house.replace_source(lambda source: Forgotten(source, error, house))
    await house.drain()

    left = house.rows(
        "SELECT id FROM deliveries UNION ALL SELECT id FROM events UNION ALL SELECT event_id FROM details"
    )
    assert (left, house.jobs(), house.fetches()) == ([], [], [])
