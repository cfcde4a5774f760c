"""Fetch details for an event's messages, then release its sends."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from service.circleci.source import JobFilter, every_job
from service.db.tables import Transaction
from service.errors import Temporary
from service.model import (
    DetailKind,
    Details,
    Event,
    Fetch,
    FetchPurpose,
    MissingDetail,
    News,
    Notification,
    NotificationState,
    Transition,
)
from service.pipeline.context import Context
from service.pipeline.fetching.fetch_details import fetch_details, next_fetch_at, retry_after_s
from service.pipeline.judgment.learn_tests import details_to_learn, is_compared, jobs_to_watch
from service.pipeline.judgment.record_tests import record_tests
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.waits.changed_runs import judge_setup
from service.routing.decide import with_details
from service.routing.test_identity import base_job_name
from service.store.deliveries import deliveries
from service.store.events import events, fetches
from service.store.notifications import notifications

log = structlog.get_logger()

NO_DETAILS_STATUSES = frozenset({"success", "canceled"})  # their jobs and tests explain nothing


async def enrich(context: Context, fetch: Fetch) -> None:
    """Fetch details; release the sends once these are complete or time is up.

    Missing details are fetched again later, so that the event's page has them as soon as the source does.
    """
    event_id = fetch.event_id
    event, known, unsent, to_learn, passes_of = await context.store.snapshot(_load, context, event_id)
    wants = wanted_details(event, has_log=any(route.has_log for route in context.routes))
    is_fixed = event.run is not None and event.run.transition is Transition.FIXED
    if is_fixed or any(one.news is not News.RUN for one in unsent):  # it may be rerun, or was a setup
        wants |= {DetailKind.WORKFLOW}
    if fetch.purpose is FetchPurpose.TESTS:  # what messages wait for was fetched before
        wants, unsent = to_learn, []
    deadline = _deadline(context, event, unsent)
    # not up to the deadline: while CircleCI hangs, these jobs would take the room of later ones
    longest = 2 * context.retry_policy.answer_timeout if unsent else context.retry_policy.answer_timeout
    within = max(min(deadline - context.clock(), longest), context.retry_policy.answer_timeout)
    details = await fetch_details(context, event, wants, known, within=within, passes_of=passes_of)

    def release(transaction: Transaction) -> None:
        waits_on = bool(unsent) and details.may_improve and context.clock() < deadline
        release_sends(transaction, context, [] if waits_on else unsent)
        if next_fetch := _next_fetch(context, event, details, deadline=deadline if waits_on else None):
            until, purpose = next_fetch
            is_of_tests = fetch.purpose is FetchPurpose.TESTS and purpose is FetchPurpose.PAGE
            fetches.put_off(transaction, fetch, until=until, purpose=FetchPurpose.TESTS if is_of_tests else purpose)
        elif not to_learn <= details.wanted:
            fetches.put_off(transaction, fetch, until=context.clock(), purpose=FetchPurpose.TESTS)
        else:
            fetches.end(transaction, fetch)

    # two transactions: runs that fail the same tests wait for each other's rows, which must not hold up lanes
    if await context.store.write(_record_details, context, event, details):
        await context.store.write(release)
    else:
        await context.store.write(fetches.end, fetch)


def _record_details(transaction: Transaction, context: Context, event: Event, details: Details) -> bool:
    """Record details and what they say of the run and its tests.

    Returns False if the event was pruned meanwhile.
    """
    if not deliveries.lock(transaction, event.id):
        return False
    known_better = with_details(event, details)
    if known_better != event:
        events.put(transaction, known_better)
    events.put_details(transaction, {event.id: details})
    is_new = not event.workflow.is_setup
    revived = judge_setup(transaction, context, known_better) if is_new else []
    record_tests(transaction, known_better, details)
    enqueue_heads(transaction, context.jobs, revived, context.clock())
    return True


def _load(
    transaction: Transaction, context: Context, event_id: UUID
) -> tuple[Event, Details | None, Sequence[Notification], frozenset[DetailKind], JobFilter]:
    """Return the event, its details, and its notifications that await a first attempt.

    The last are the tests to learn from, which no message needs, and the jobs whose passes are among them.
    """
    event, known = events.find(transaction, event_id), events.find_details(transaction, event_id)
    to_learn = details_to_learn(transaction, event)
    if is_compared(context.route_index, event):
        to_learn |= {DetailKind.JOBS}
    jobs = jobs_to_watch(transaction, event) if DetailKind.PASSES in to_learn else ()
    passes_of = every_job if jobs is None else partial(_is_one_of, jobs)
    return event, known, _unsent(transaction, event_id), to_learn, passes_of


def _is_one_of(jobs: Collection[str], name: str) -> bool:
    return base_job_name(name) in jobs


def _deadline(context: Context, event: Event, unsent: Sequence[Notification]) -> datetime:
    """Return the time at which the messages are sent, also if details are missing."""
    return min((one.created_at for one in unsent), default=event.received_at) + context.retry_policy.details_timeout


def _unsent(transaction: Transaction, event_id: UUID) -> Sequence[Notification]:
    standing = notifications.of_events(transaction, [event_id])
    return [one for one in standing if one.state is NotificationState.PENDING and one.attempts == 0]


def release_sends(transaction: Transaction, context: Context, unsent: Sequence[Notification]) -> None:
    """End the wait of notifications for details: they are due now."""
    if unsent:
        notifications.release(transaction, [notification.id for notification in unsent], context.clock())
    enqueue_heads(transaction, context.jobs, unsent, context.clock())


async def enrich_failed(context: Context, fetch: Fetch, error: Exception) -> None:
    """Fetch again later after a temporary error.

    After any other error the messages are sent with the details at hand.
    """
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, Temporary):
        await _retry(context, fetch, reason)
    else:
        await _send_without_details(context, fetch, f"asking CircleCI failed; please report this: {reason}")


async def _retry(context: Context, fetch: Fetch, reason: str) -> None:
    event, _, unsent, *_ = await context.store.snapshot(_load, context, fetch.event_id)
    now, policy = context.clock(), context.retry_policy

    def record(transaction: Transaction) -> None:
        if unsent and now < _deadline(context, event, unsent):
            fetches.put_off(transaction, fetch, until=now + policy.min_pause, purpose=FetchPurpose.MESSAGE)
            return
        if unsent:
            log.warning("messages go without details, which cannot be kept", event_id=str(event.id), reason=reason)
            release_sends(transaction, context, unsent)
        if now < event.received_at + policy.late_details_timeout:
            fetches.put_off(transaction, fetch, until=now + policy.max_pause, purpose=FetchPurpose.PAGE)
        else:
            fetches.end(transaction, fetch)

    await context.store.write(record)


async def _send_without_details(context: Context, fetch: Fetch, reason: str) -> None:
    gap = MissingDetail(want=DetailKind.JOBS, reason=reason, is_final=True)

    def record(transaction: Transaction) -> None:
        fetches.end(transaction, fetch)
        if not deliveries.lock(transaction, fetch.event_id):
            return
        known = events.find_details(transaction, fetch.event_id) or Details(rounds=1, asked_at=context.clock())
        events.put_details(transaction, {fetch.event_id: replace(known, missing=(*known.missing, gap))})
        release_sends(transaction, context, _unsent(transaction, fetch.event_id))

    await context.store.write(record)


def wanted_details(event: Event, *, has_log: bool = False) -> frozenset[DetailKind]:
    """Return the details that a message needs beyond the event itself."""
    # CircleCI's own user starts scheduled pipelines, and GET /user knows none by its id.
    wants = set() if event.is_scheduled else {DetailKind.ACTOR}
    if event.revision is None or (event.branch is None and event.tag is None):
        wants.add(DetailKind.VCS)
    if _may_have_pull_request(event):
        wants.add(DetailKind.PULL_REQUEST)
    if event.status not in NO_DETAILS_STATUSES:
        wants |= {DetailKind.JOBS, DetailKind.TESTS} | ({DetailKind.LOG} if has_log else set())
    return frozenset(wants)


def _may_have_pull_request(event: Event) -> bool:
    is_of_branch = event.tag is None and not event.is_of_default_branch and not event.is_scheduled
    return is_of_branch and event.status != "canceled" and not event.pull_request.is_known


def _next_fetch(
    context: Context, event: Event, details: Details, *, deadline: datetime | None
) -> tuple[datetime, FetchPurpose] | None:
    """Return the time and purpose of the next fetch; None if there is none.

    deadline   of the messages that wait: the next fetch is soon, and not after it; None if no message waits:
               then the next fetch is after the longest pause
    """
    now, policy = context.clock(), context.retry_policy
    if not details.may_improve or now > event.received_at + policy.late_details_timeout:
        return None
    if deadline is None:
        return now + max(policy.max_pause, timedelta(seconds=retry_after_s(details))), FetchPurpose.PAGE
    return next_fetch_at(context, details, deadline=deadline), FetchPurpose.MESSAGE
