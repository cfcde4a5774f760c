"""Facts that routes need beyond the webhook: CircleCI is asked for them, within a time limit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.model import FetchPurpose
from service.pipeline.context import RetryPolicy
from service.pipeline.worker import WorkerLimits
from service.testing.fake_circleci.faults import Fault, broken, too_many
from tests.pipeline.test_enrich import Buggy
from tests.pipeline.test_process import MANY_ROUTES, RELEASE, verdicts
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, SETTLED_WITHIN_S, Instance, an_instance
from tests.support.waits import until

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def many(folder: Path) -> AsyncIterator[Instance]:
    """An instance with routes that need to know who pushed, and which tag."""
    async with an_instance(folder, MANY_ROUTES) as instance:
        yield instance


async def test_without_circleci_an_event_is_judged_after_two_minutes_and_the_reason_says_so(many: Instance) -> None:
    many.pretend.faults.next("*", broken(503), times=1000)
    delivery = await many.finish(RELEASE)

    await many.drain(seconds=119)
    missing_facts = await many.show(delivery)
    await many.drain(seconds=1)
    decided = await many.show(delivery)

    assert missing_facts["decisions"] == []
    assert verdicts(decided)[0] == (
        "not_matched",
        "this event has no tag (it could not be asked: CircleCI answered 503)",
    )
    assert verdicts(decided)[1] == ("not_matched", "hears job-completed only")
    assert verdicts(decided)[4][0] == "matched"


async def test_a_message_that_waited_for_a_decision_does_not_wait_as_long_again(many: Instance) -> None:
    many.pretend.faults.next("*", broken(503), times=1000)
    await many.finish(RELEASE)

    await many.drain(minutes=2)
    await many.drain(seconds=15)

    assert many.channels.told == ["ops (form)"]


async def test_an_hour_that_circleci_asks_for_does_not_put_off_a_decision(many: Instance) -> None:
    many.pretend.faults.next("*", too_many("3600"))
    delivery = await many.finish(RELEASE)
    await many.drain()

    await many.drain(minutes=2)

    assert verdicts(await many.show(delivery))[4][0] == "matched"


async def test_a_circleci_that_hangs_puts_off_no_decision_past_its_time(folder: Path) -> None:
    hanging = asyncio.Event()
    impatient = RetryPolicy(jitter=lambda: 0.5, answer_timeout=RetryPolicy().answer_timeout / 1000)
    async with an_instance(folder, MANY_ROUTES, retry_policy=impatient) as instance:
        instance.pretend.faults.next("*", Fault(gate=hanging), times=1000)
        delivery = await instance.finish(RELEASE)
        await instance.drain()
        instance.clock.tick(minutes=2)
        await instance.process()

        assert "CircleCI did not answer everything within 0 s" in verdicts(await instance.show(delivery))[0][1]


@pytest.mark.long
async def test_no_fetch_after_the_deadline(many: Instance) -> None:
    many.pretend.faults.next("*", broken(503), times=1000)
    delivery = await many.finish(RELEASE)
    await many.drain()
    asked = len(many.pretend.calls)

    many.clock.tick(minutes=2)
    await many.fetch(delivery, FetchPurpose.DECISION)
    await many.process()

    assert len(many.pretend.calls) == asked
    assert verdicts(await many.show(delivery))[4][0] == "matched"


async def test_late_replay_fetches_again(many: Instance) -> None:
    many.pretend.faults.next("/pipeline/*", broken(503))
    delivery = await many.finish(RELEASE)
    await many.drain()
    await many.drain(minutes=2)

    await many.act(f"deliveries/{delivery}/replay")
    await many.drain()

    assert verdicts(await many.show(delivery))[0][1].startswith("tag v2.5.0 matches v*")


async def test_a_delivery_that_was_long_in_coming_is_judged_at_once_and_asked_about_only_for_its_message(
    many: Instance,
) -> None:
    """We were away for an hour: no message waits any longer, and what CircleCI can say at once still goes out."""
    delivery = await many.finish(RELEASE)

    many.clock.tick(hours=1)
    await many.process()

    assert many.pretend.calls == []
    assert verdicts(await many.show(delivery))[0] == (
        "not_matched",
        (
            "this event has no tag (it could not be asked: "
            "the event came to be judged late, so CircleCI was not asked first)"
        ),
    )
    await many.drain()
    assert many.channels.told == ["ops (form)"]
    assert "v2.5.0" in many.channels.took[0][1].title


@pytest.mark.long
async def test_events_without_missing_facts_do_not_wait_for_fetches(folder: Path) -> None:
    hanging = asyncio.Event()
    patient = RetryPolicy(answer_timeout=timedelta(hours=1))
    async with an_instance(folder, MANY_ROUTES, retry_policy=patient) as instance:
        instance.pretend.faults.next("*", Fault(gate=hanging), times=1000)
        async with instance.running():
            for number in range(WorkerLimits().max_fetches):
                await instance.finish(replace(RELEASE, number=10_000 + number))
            delivery = await instance.finish(GREEN)
            await until(instance, lambda: bool(instance.rows("SELECT 1 FROM decisions")))
            judged = await instance.show(delivery)
            hanging.set()

    assert verdicts(judged)[4][0] == "matched"


async def test_a_fact_that_comes_within_two_minutes_decides(many: Instance) -> None:
    many.pretend.faults.next("*", broken(503))
    delivery = await many.finish(RELEASE)
    await many.drain()

    await many.drain(seconds=5)

    assert verdicts(await many.show(delivery))[0][0] == "matched"


async def test_a_fact_that_no_longer_matters_is_not_waited_for(folder: Path) -> None:
    """Ada's builds are nothing to a route of Grace's, with any tag."""
    async with an_instance(
        folder, RED_TO_WEB.replace("{status: [failed, error]}", "{actor: grace, tag: v*}")
    ) as instance:
        instance.pretend.faults.next("/pipeline/*", broken(503), times=1000)
        delivery = await instance.finish(RELEASE)
        await instance.drain()

        [(verdict, reason)] = verdicts(await instance.show(delivery))
        assert verdict == "not_matched"
        assert "actor ada / Ada Example is not grace" in reason


async def test_gaps_that_decide_nothing_put_off_no_decision(many: Instance) -> None:
    """What was not learned for a message is no reason to judge a replay later."""
    many.pretend.faults.next("/workflow/*/job", broken(503), times=1000)
    delivery = await many.finish(RED)
    await many.drain()

    await many.act(f"deliveries/{delivery}/replay")
    await many.drain()

    shown = await many.show(delivery)
    assert {decision["round"] for decision in shown["decisions"]} == {1, 2}


async def test_concurrent_fetches_for_one_delivery_decide_once(many: Instance) -> None:
    delivery = await many.finish(RELEASE)

    await many.process()

    await asyncio.gather(*(many.fetch(delivery, FetchPurpose.DECISION) for _ in range(3)))
    await many.drain()
    await many.fetch(delivery, FetchPurpose.DECISION)
    await many.drain()

    assert many.rows("SELECT max(round), count(DISTINCT event_id) FROM decisions") == [(1, 1)]
    assert many.counted("events", kind="workflow-completed") == 1


@pytest.mark.databases("sqlite", "postgres")
async def test_unexpected_error_of_a_fetch_is_a_failure_to_decide_and_retried(many: Instance) -> None:
    sound = many.service.context.source
    many.replace_source(lambda source: Buggy(source, ValueError("unforeseen")))
    delivery = await many.finish(RELEASE)
    await many.drain()
    many.replace_source(lambda _: sound)
    await many.drain(minutes=1)

    assert verdicts(await many.show(delivery))[0] == ("matched", "tag v2.5.0 matches v*")
    assert many.rows("SELECT failures FROM deliveries") == [(1,)]


async def test_event_is_decided_at_its_deadline_during_a_fetch(many: Instance) -> None:
    """So many fetches may be due that this one never begins."""
    delivery = await many.finish(RELEASE)
    await many.process()
    many.clock.tick(seconds=119)
    await many.process()
    before = many.rows("SELECT count(*) FROM decisions")

    many.clock.tick(seconds=1)
    await many.process()
    await many.fetch(delivery, FetchPurpose.DECISION)

    assert before == [(0,)]
    assert many.pretend.calls == []
    assert verdicts(await many.show(delivery))[0][1] == (
        "this event has no tag (it could not be asked: "
        "CircleCI had not answered by the time when the event had to be judged)"
    )
    assert many.rows("SELECT max(round), count(DISTINCT event_id) FROM decisions") == [(1, 1)]


async def test_the_message_of_an_event_that_had_its_two_minutes_waits_no_longer(many: Instance) -> None:
    many.pretend.faults.next("*", broken(503), times=1000)
    await many.finish(RELEASE)
    await many.drain()

    await many.drain(minutes=2)

    assert many.channels.told == ["ops (form)"]


@pytest.mark.long
async def test_a_replay_is_judged_two_minutes_after_it_was_asked_for(many: Instance) -> None:
    many.pretend.faults.next("*", broken(503), times=1000)
    delivery = await many.finish(RELEASE)
    await many.drain()
    await many.drain(minutes=2)
    await many.act(f"deliveries/{delivery}/replay")

    await many.drain(seconds=119)
    before = {decision["round"] for decision in (await many.show(delivery))["decisions"]}
    await many.drain(seconds=1)
    after = {decision["round"] for decision in (await many.show(delivery))["decisions"]}

    assert (before, after) == ({1}, {1, 2})


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_other_jobs_do_not_wait_while_circleci_hangs(folder: Path, is_long: bool) -> None:
    """The first route tests who pushed, CircleCI takes each call and never answers, and the line is long."""
    hanging, number = asyncio.Event(), 300 if is_long else 3 * WorkerLimits().max_fetches
    patient = RetryPolicy(answer_timeout=timedelta(seconds=3))  # in real time, after that of the clock that we move
    routes = RED_TO_WEB.replace("routes:\n", "routes:\n  - {name: bots, match: {actor: renovate*}, receiver: web}\n")
    async with an_instance(folder, routes, retry_policy=patient) as instance:
        instance.pretend.faults.next("*", Fault(gate=hanging), times=1000)
        async with asyncio.timeout(5 * SETTLED_WITHIN_S), instance.service.running():
            for place in range(number):
                await instance.finish(replace(RED, number=20_000 + place))
            await until(instance, lambda: len(instance.fetches()) == number)
            missing_facts = instance.rows("SELECT count(*) FROM decisions")
            instance.clock.tick(minutes=2)
            due = instance.clock()
            await until(instance, lambda: instance.rows("SELECT count(*) FROM decisions") == [(number,)])
            while len(instance.channels.took) < number:
                instance.clock.tick(seconds=1)  # what a busy database put off is due again some time
                await asyncio.sleep(0.1)
            hanging.set()
        [(decided_at,)] = instance.rows("SELECT max(decided_at) FROM decisions")

    assert missing_facts == [(0,)]
    assert datetime.fromisoformat(str(decided_at)).replace(tzinfo=UTC) - due < timedelta(minutes=1)
