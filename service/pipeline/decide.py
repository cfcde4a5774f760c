"""Record the decisions of all routes about events, and plan notifications.

Both are written in one transaction, each table in one statement for all events.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.model import (
    DetailKind,
    Details,
    Event,
    FetchPurpose,
    JudgedState,
    Judgment,
    JudgmentNotes,
    Notification,
    RunState,
    Silence,
    Verdict,
)
from service.pipeline.context import Context
from service.pipeline.judgment.judge_runs import judge_runs
from service.pipeline.judgment.learn_tests import request_tests, request_times
from service.pipeline.judgment.run_facts import with_run_facts
from service.pipeline.judgment.silence_facts import index_of
from service.pipeline.news.edit_living import EDIT_DELAY
from service.pipeline.news.told_before import was_told
from service.pipeline.planning.plan_notifications import plan_notifications
from service.pipeline.plans import PendingDecision, Plan
from service.routing.absent_facts import absent_facts
from service.routing.decide import with_details
from service.routing.match_keys import read_facts
from service.store.deliveries import deliveries
from service.store.events import decisions, events, fetches


@dataclass(frozen=True, kw_only=True)
class DecidedEvent:
    """An event that was decided on.

    counts    the number of routes that gave each verdict
    planned   the new notifications
    dropped   those that waited, and that the news of this event took the place of
    is_first  True unless it was decided on before
    """

    event: Event
    counts: Mapping[Verdict, int]
    planned: Sequence[Notification]
    dropped: Sequence[Notification]
    is_first: bool = True


def decide_events(
    transaction: Transaction, context: Context, pending: Sequence[PendingDecision], quiet: Sequence[Silence]
) -> list[DecidedEvent]:
    """Decide on events; record them, their details, decisions and notifications.

    An event that was decided on meanwhile is left out. The caller enqueues the heads of the notifications' lanes.

    quiet   the silences that have not ended
    """
    kept = deliveries.settle(transaction, [one.event.id for one in pending])
    fresh = [
        replace(one, event=with_details(one.event, one.details)) if one.details else one
        for one in pending
        if one.event.id in kept
    ]
    rounds = decisions.last_rounds(transaction, [one.event.id for one in fresh])
    for one in fresh:
        if one.event.id in rounds:
            _keep_earlier_event(transaction, one.event)
    events.put_all(transaction, [one.event for one in fresh])
    events.put_details(transaction, {one.event.id: one.details for one in fresh if one.details})
    now = context.clock()
    plans = plan_events(transaction, context, fresh, quiet=quiet, now=now)
    judged = [_judgment(context, plan, judged=rounds.get(plan.event.id, 0) + 1, at=now) for plan in plans]
    decisions.put(transaction, judged)
    _request_details(transaction, context, plans, replayed=rounds)
    return [
        DecidedEvent(
            event=plan.event,
            counts=_count_verdicts(plan, routes=len(context.routes)),
            planned=[*plan.notifications, *plan.held],
            dropped=plan.dropped,
            is_first=plan.event.id not in rounds,
        )
        for plan in plans
    ]


def plan_events(
    transaction: Transaction,
    context: Context,
    pending: Sequence[PendingDecision],
    *,
    quiet: Sequence[Silence],
    now: datetime,
) -> list[Plan]:
    """Judge the runs of events, and plan the notifications of their news.

    These are the rules; ``decide_events`` records beside them.

    quiet   the silences that have not ended
    """
    judged = _with_runs(transaction, context, pending, now)
    with_facts = with_run_facts(transaction, context, judged, now, quiet=index_of(quiet, now))
    return plan_notifications(transaction, context, with_facts, quiet=quiet, now=now)


def record_facts(transaction: Transaction, context: Context, plans: Sequence[Plan], now: datetime) -> None:
    """Record the judgments of runs with facts, by which later runs are judged.

    The live pipeline records all of them; where they are played, these are enough.
    """
    with_facts = [plan for plan in plans if plan.event.facts is not None]
    rounds = decisions.last_rounds(transaction, [plan.event.id for plan in with_facts]) if with_facts else {}
    judged = [_judgment(context, plan, judged=rounds.get(plan.event.id, 0) + 1, at=now) for plan in with_facts]
    decisions.put(transaction, judged)


def _with_runs(
    transaction: Transaction, context: Context, pending: Sequence[PendingDecision], now: datetime
) -> list[PendingDecision]:
    """Judge the runs of workflows; return the events with them.

    Those of one track are in its order.
    """
    states = judge_runs(
        transaction, [one.event for one in pending], projects=context.projects, edits_due_at=now + EDIT_DELAY
    )
    judged = [replace(one, event=replace(one.event, run=states.get(one.event.id))) for one in pending]
    of_tracks: dict[object, list[PendingDecision]] = defaultdict(list)
    for one in judged:
        of_tracks[_track_of(one)].append(one)
    ordered = {track: iter(sorted(some, key=_place)) for track, some in of_tracks.items()}
    return [next(ordered[_track_of(one)]) for one in judged]


def _track_of(pending: PendingDecision) -> object:
    return pending.event.run.track_id if pending.event.run else pending.event.id


def _place(pending: PendingDecision) -> tuple[int, datetime]:
    event = pending.event
    return (event.pipeline.number or 0, event.workflow.created_at or event.happened_at)


def _request_details(
    transaction: Transaction, context: Context, plans: Sequence["Plan"], *, replayed: Collection[UUID]
) -> None:
    """Request the details that messages wait for, and the tests to learn from."""
    fetches.withdraw(transaction, [plan.event.id for plan in plans])
    # a replay may fill in what could not be asked before
    wanted = [
        plan.event.id
        for plan in plans
        if plan.event.kind.is_of_build
        and (plan.notifications or plan.held or plan.dropped or (plan.event.id in replayed and plan.any_matched))
    ]
    fetches.request(transaction, wanted, FetchPurpose.MESSAGE, due_at=context.clock())
    others = [plan.event for plan in plans if plan.event.id not in set(wanted)]
    request_tests(transaction, [plan.event for plan in plans], others, now=context.clock())
    request_times(transaction, context.route_index, others, now=context.clock())


def _keep_earlier_event(transaction: Transaction, event: Event) -> None:
    """Keep the event of the earlier rounds, if this parse of it differs."""
    before = events.find(transaction, event.id)
    if read_facts(replace(before, run=None)) != read_facts(event):
        decisions.keep_event(transaction, before)


def _judgment(context: Context, plan: Plan, *, judged: int, at: datetime) -> Judgment:
    return Judgment(
        event_id=plan.event.id,
        round=judged,
        decided_at=at,
        verdicts=plan.verdicts,
        version=context.route_index.version,
        is_told=bool(plan.notifications) or any(map(was_told, plan.earlier)),
        absent=absent_facts(plan.event),
        run=_judged_state(plan.event.run),
        notes=JudgmentNotes(
            remarks=plan.remarks,
            unknown=_unknown_details(context, plan.event, plan.pending.details),
            facts=plan.event.facts,
        ),
    )


def _judged_state(run: RunState | None) -> JudgedState | None:
    return JudgedState(transition=run.transition, streak=run.streak, is_late=run.is_late) if run else None


def _unknown_details(context: Context, event: Event, details: Details | None) -> Mapping[DetailKind, tuple[str, ...]]:
    """Return the reasons why details that routes need could not be had, by kind."""
    unknown: dict[DetailKind, tuple[str, ...]] = {}
    wanted = context.route_index.findable(event)
    for missing in details.missing if details else ():
        if missing.want in wanted:
            unknown[missing.want] = (*unknown.get(missing.want, ()), missing.reason)
    return unknown


def _count_verdicts(plan: Plan, *, routes: int) -> Mapping[Verdict, int]:
    return Counter(plan.verdicts.values()) + Counter({Verdict.NOT_MATCHED: routes - len(plan.verdicts)})
