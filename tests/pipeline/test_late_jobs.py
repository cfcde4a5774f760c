"""Jobs that come twice or late: for what is settled, closed by a person, or begun by another worker."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import Attempt, DetailKind, Details, FetchPurpose, MissingDetail
from service.pipeline.context import RetryPolicy
from service.pipeline.decide import decide_events
from service.pipeline.plans import PendingDecision
from service.pipeline.sending.retry import decide_retry
from service.pipeline.steps import Pipeline
from service.store.deliveries import deliveries
from service.store.notifications import notifications
from service.testing.fake_circleci.payloads import cancellation_storm
from tests.pipeline.test_process import CANCELED, CANCELED_TO_ALL, RELEASE, Stumbling
from tests.support.app_fixture import NINE, RED, RED_TO_WEB, Instance, an_instance, still_writing
from tests.support.neighbor_rows import a_notification

pytestmark = pytest.mark.databases("sqlite", "postgres")

RELEASES = RED_TO_WEB.replace("status: [failed, error]", "tag: v*")
OLD_RELEASES = RED_TO_WEB.replace("status: [failed, error]", "tag: v0*")


async def test_late_job_of_a_dismissed_dead_letter_changes_nothing(folder: Path) -> None:
    async with an_instance(folder, RELEASES) as instance:
        sound = instance.service.context.source
        instance.replace_source(lambda source: Stumbling(source, Permanent("not understood"), times=1))
        delivery = await instance.finish(RELEASE)
        await instance.drain()
        await instance.act(f"deliveries/{delivery}/dismiss")
        instance.replace_source(lambda _: sound)
        await instance.process()

        assert instance.rows("SELECT state, reason FROM deliveries") == [("dismissed", "not understood")]
        assert instance.jobs() == []
        assert instance.counted("dead_letters", what="delivery") == 1


async def test_fetch_that_comes_after_the_routes_need_nothing_lets_the_event_be_decided_on(folder: Path) -> None:
    async with an_instance(folder, RELEASES) as instance:
        delivery = await instance.finish(RELEASE)
        await instance.process()
        asked = instance.fetches()
    async with an_instance(folder) as instance:
        await instance.fetch(delivery, FetchPurpose.DECISION)
        await instance.process()

        assert asked == ["decision"]
        assert instance.rows("SELECT state FROM deliveries") == [("settled",)]
        assert instance.pretend.calls == []


async def test_details_asked_for_are_on_record_when_no_route_matches(folder: Path) -> None:
    async with an_instance(folder, OLD_RELEASES) as instance:
        delivery = await instance.finish(RELEASE)
        await instance.drain()
        shown = await instance.show(delivery)

    assert [decision["verdict"] for decision in shown["decisions"]] == ["not_matched"]
    assert shown["details"]["vcs"]["tag"] == "v2.5.0"


async def test_event_that_repeats_told_news_is_not_asked_about_again(folder: Path) -> None:
    async with an_instance(folder, CANCELED_TO_ALL) as instance:
        instance.pretend.run_finished(CANCELED)
        for payload in cancellation_storm(CANCELED):
            await instance.post(payload)
            await instance.process()

        assert instance.fetches() == ["message"]


@pytest.mark.databases("postgres")
async def test_job_to_send_ends_quietly_when_another_worker_began_the_attempt(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.process()
    [notification_id] = [UUID(row[0]) for row in instance.rows("SELECT id FROM notifications")]
    context, looked = instance.service.context, asyncio.Event()

    def clock() -> datetime:
        looked.set()  # the notification has been read
        return instance.clock()

    def begin(transaction: Transaction) -> None:
        now = instance.clock()
        notifications.begin_attempt(transaction, notification_id, now, until=now + timedelta(seconds=30))

    async with still_writing(context.store, begin):
        sending = asyncio.ensure_future(Pipeline(replace(context, clock=clock)).handlers["send"](notification_id))
        await looked.wait()
    await sending

    assert instance.channels.tried == []
    assert instance.rows("SELECT state, attempts FROM notifications") == [("sending", 1)]


@pytest.mark.parametrize(("spare_s", "is_over"), [(-1, True), (0, False), (1, False)])
@pytest.mark.databases("sqlite")
async def test_attempt_that_is_due_when_patience_ends_is_made(spare_s: float, *, is_over: bool) -> None:
    pause = RetryPolicy(jitter=lambda: 0.5).pause(2)
    notification = a_notification(give_up_at=NINE + pause + timedelta(seconds=spare_s))
    attempt = Attempt(notification_id=notification.id, number=2, started_at=NINE)

    after = decide_retry(notification, attempt, Temporary("x"), policy=RetryPolicy(jitter=lambda: 0.5), now=NINE)

    assert (after.retry_at is None) is is_over


@pytest.mark.databases("sqlite", "postgres")
async def test_several_doubts_of_a_verdict_are_named_in_order(folder: Path) -> None:
    async with an_instance(folder, RELEASES) as instance:
        delivery = await instance.finish(RELEASE)
        context = instance.service.context
        reasons = [f"reason {letter}" for letter in "hgfedcba"]
        missing = tuple(MissingDetail(want=DetailKind.VCS, reason=reason, is_final=True) for reason in reasons)

        def decide(transaction: Transaction) -> None:
            event = context.source.parse(deliveries.find(transaction, UUID(delivery)))
            details = Details(rounds=1, missing=missing)
            pending = PendingDecision(event=event, details=details, max_delay=timedelta())
            decide_events(transaction, context, [pending], [])

        await context.store.write(decide)
        [decision] = (await instance.show(delivery))["decisions"]

    assert decision["reason"].endswith(f"(it could not be asked: {'; '.join(sorted(reasons))})")
