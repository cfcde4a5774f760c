"""Claim kept deliveries, and decide on their events, a batch in one transaction.

A row that is kept is work to do; there is no other queue for it. A claim ends with the transaction, so that a process
that dies leaves its deliveries to the others as they were.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from uuid import UUID

import structlog

from service.db.savepoints import in_savepoint
from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import Delivery, Details, Event, EventKind, FetchPurpose, Silence, Via
from service.pipeline.context import Context
from service.pipeline.decide import DecidedEvent, decide_events
from service.pipeline.fetching.fetch_details import may_still_come, with_missing
from service.pipeline.judgment.silence_facts import index_of, missing_facts
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.plans import PendingDecision
from service.routing.decide import with_details
from service.routing.route_index import RouteIndex
from service.store.audit import actions
from service.store.deliveries import deliveries
from service.store.deliveries.deliveries import ClaimedDelivery
from service.store.events import events, fetches
from service.store.incidents import silences

LATE_REASON = "the event came to be judged late, so CircleCI was not asked first"
TIMEOUT_REASON = "CircleCI had not answered by the time when the event had to be judged"

log = structlog.get_logger()


@dataclass(kw_only=True)
class Batch:
    """The deliveries of one transaction, by the outcome of each.

    claimed   their number
    pending   those that can be decided on
    waiting   those that wait for facts, by the time until which they do
    decided   the events that were decided on
    failed    those that could not be read, parsed or recorded, with the error
    dead      those of them that became dead letters, with the reason
    """

    claimed: int
    pending: list[PendingDecision] = field(default_factory=list)
    waiting: dict[datetime, list[UUID]] = field(default_factory=dict)
    decided: list[DecidedEvent] = field(default_factory=list)
    failed: list[tuple[UUID, Exception]] = field(default_factory=list)
    dead: list[tuple[UUID, str]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Return how many were claimed and not looked at: the time was up."""
        return self.claimed - len(self.pending) - sum(map(len, self.waiting.values())) - len(self.failed)


async def process_batch(context: Context, *, limit: int) -> Batch:
    """Decide on up to ``limit`` due deliveries in one transaction.

    Those that lack facts wait for a fetch. None is claimed while another worker decides.

    Raises Temporary when the database is away: nothing has happened then.
    """
    batch = await context.store.write_alone(_process, context, limit)
    for decided in batch.decided:
        context.metrics.events.labels(decided.event.kind).inc()
        if decided.is_first:
            context.metrics.builds.count(decided.event)
            _observe_delay(context, decided.event)
        for verdict, count in decided.counts.items():
            context.metrics.decisions.labels(verdict).inc(count)
    _report_failures(context, batch)
    return batch


def _observe_delay(context: Context, event: Event) -> None:
    """Measure how long CircleCI took to post an event."""
    if event.via is Via.WEBHOOK and event.kind is not EventKind.PING:
        delay = max((event.received_at - event.happened_at).total_seconds(), 0.0)
        context.metrics.webhook_delay.labels(event.kind).observe(delay)


async def put_off_first(context: Context, error: Exception) -> None:
    """Put off the first due delivery, and count that.

    By itself it fails, and the database is not away.
    """

    def put_off(transaction: Transaction) -> Batch:
        claimed = deliveries.claim(transaction, now=context.clock(), limit=1)
        batch = Batch(claimed=len(claimed), failed=[(delivery.id, error) for delivery in claimed])
        _record_failures(transaction, context, batch)
        return batch

    _report_failures(context, await context.store.write(put_off))


def _process(transaction: Transaction, context: Context, limit: int) -> Batch:
    is_ours = deliveries.try_lock(transaction)
    claimed = deliveries.claim(transaction, now=context.clock(), limit=limit) if is_ours else ()
    batch = Batch(claimed=len(claimed))
    if claimed:
        known = _known(transaction, context, claimed)
        _assess_all(context, claimed, known, batch)
        _record_waiting(transaction, context, batch)
        _decide(transaction, context, batch, known.silences)
        _record_failures(transaction, context, batch)
        changed = [one for decided in batch.decided for one in (*decided.planned, *decided.dropped)]
        enqueue_heads(transaction, context.jobs, changed, context.clock())
    return batch


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The records about claimed deliveries, and the silences that have not ended.

    quiet   those of them that are active and name facts
    """

    details: Mapping[UUID, Details]
    asked_for: Collection[UUID]
    replayed_at: Mapping[UUID, datetime]
    silences: Sequence[Silence]
    quiet: RouteIndex | None


def _known(transaction: Transaction, context: Context, claimed: Sequence[ClaimedDelivery]) -> _Known:
    ids, now = [delivery.id for delivery in claimed], context.clock()
    unexpired = silences.unexpired(transaction, now)
    return _Known(
        details=events.find_all_details(transaction, ids),
        asked_for=fetches.asked_for(transaction, ids),
        replayed_at=actions.last_replays(transaction, ids),
        silences=unexpired,
        quiet=index_of(unexpired, now),
    )


def _assess_all(context: Context, claimed: Sequence[ClaimedDelivery], known: _Known, batch: Batch) -> None:
    """Sort deliveries into pending, waiting and failed.

    Those beyond the time limit stay for the next batch.
    """
    began = perf_counter()
    for delivery in claimed:
        try:
            assessed = _assess(context, delivery.read(), known)
        except Exception as error:  # noqa: BLE001 - recorded and logged: one delivery must not stop the others
            batch.failed.append((delivery.id, error))
            continue
        if isinstance(assessed, PendingDecision):
            batch.pending.append(assessed)
        else:
            batch.waiting.setdefault(assessed, []).append(delivery.id)
        limits, is_awaited = context.batch_limits, context.store.is_awaited
        if perf_counter() - began > (limits.awaited_seconds if is_awaited else limits.seconds):
            return


def _assess(context: Context, delivery: Delivery, known: _Known) -> PendingDecision | datetime:
    """Return a decision to make now, or the end of the wait for facts."""
    event, details, policy = context.source.parse(delivery), known.details.get(delivery.id), context.retry_policy
    if not event.kind.is_of_build:
        return PendingDecision(event=event, details=None, max_delay=timedelta())
    wants = missing_facts(context.route_index, known.quiet, with_details(event, details))
    if not wants and details is None:
        return PendingDecision(event=event, details=None, max_delay=policy.details_timeout)
    left = decision_deadline(context, delivery, known.replayed_at.get(delivery.id)) - context.clock()
    was_asked = details is not None and delivery.due_at is not None  # a replay has no time: it asks again
    if not wants or (was_asked and not may_still_come(details, wants)):
        return PendingDecision(event=event, details=details, max_delay=max(left, policy.answer_timeout))
    if left > timedelta():
        return context.clock() + left
    if details is None and delivery.id not in known.asked_for:
        # the delay was ours: details that CircleCI has at once still reach the message
        late = with_missing(details, wants, LATE_REASON)
        return PendingDecision(event=event, details=late, max_delay=policy.answer_timeout)
    timed_out = with_missing(details, wants, TIMEOUT_REASON)
    return PendingDecision(event=event, details=timed_out, max_delay=timedelta())


def decision_deadline(context: Context, delivery: Delivery, replayed_at: datetime | None) -> datetime:
    """Return the end of the wait for facts.

    It is ``details_timeout`` after receipt or after the last replay.
    """
    return max(delivery.received_at, replayed_at or delivery.received_at) + context.retry_policy.details_timeout


def _record_waiting(transaction: Transaction, context: Context, batch: Batch) -> None:
    for deadline, delivery_ids in batch.waiting.items():
        deliveries.put_off(transaction, delivery_ids, until=deadline)
        fetches.request(transaction, delivery_ids, FetchPurpose.DECISION, due_at=context.clock())


def _decide(transaction: Transaction, context: Context, batch: Batch, quiet: Sequence[Silence]) -> None:
    """Decide on all pending events at once; after an error one by one.

    Only those at fault then fail.

    quiet   the silences that have not ended
    """
    if not batch.pending:
        return
    try:
        batch.decided = in_savepoint(transaction, decide_events, context, batch.pending, quiet)
    except Temporary:
        raise
    except Exception as error:  # noqa: BLE001 - the one at fault is found below
        log.warning("events are decided on one by one", events=len(batch.pending), reason=type(error).__name__)
        for pending in batch.pending:
            try:
                batch.decided += in_savepoint(transaction, decide_events, context, [pending], quiet)
            except Temporary:
                raise
            except Exception as own_error:  # noqa: BLE001 - recorded and logged
                batch.failed.append((pending.event.id, own_error))


def _record_failures(transaction: Transaction, context: Context, batch: Batch) -> None:
    """Try failed deliveries again later, or make dead letters of them."""
    for delivery_id, error in batch.failed:
        if (reason := record_failure(transaction, context, delivery_id, error)) is not None:
            batch.dead.append((delivery_id, reason))


def record_failure(transaction: Transaction, context: Context, delivery_id: UUID, error: Exception) -> str | None:
    """Put a delivery off after an error, or make it a dead letter.

    Returns the reason of the dead letter; None if the delivery is tried again, or was settled meanwhile.
    """
    reason = str(error)
    if not isinstance(error, Permanent):
        policy, is_temporary = context.retry_policy, isinstance(error, Temporary)
        cause = f"{type(error).__name__}: {error}"
        failures = deliveries.count_failure(transaction, delivery_id, cause, is_temporary=is_temporary)
        if failures < (policy.max_put_offs if is_temporary else policy.max_failures):
            deliveries.put_off(transaction, [delivery_id], until=context.clock() + policy.pause(failures))
            return None
        next_step = "mend that and replay it" if is_temporary else "please report this"
        reason = f"judging it failed {failures} times; {next_step}: {cause}"
    return reason if deliveries.mark_dead(transaction, delivery_id, reason) else None


def report_failure(context: Context, delivery_id: UUID, error: Exception, dead_because: str | None) -> None:
    """Log a failure, and count a dead letter."""
    if not isinstance(error, Permanent | Temporary):
        log.error("work failed unexpectedly", delivery=str(delivery_id), exc_info=error)
    if dead_because is not None:
        log.warning(
            "a delivery is a dead letter: `roundsman dead-letters`", delivery=str(delivery_id), reason=dead_because
        )
        context.metrics.dead_letters.labels("delivery").inc()


def _report_failures(context: Context, batch: Batch) -> None:
    reasons = dict(batch.dead)
    for delivery_id, error in batch.failed:
        report_failure(context, delivery_id, error, reasons.get(delivery_id))
