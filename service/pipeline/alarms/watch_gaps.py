"""Measure the gaps in CircleCI's webhooks, and tell the operators of wide ones."""

from datetime import datetime

from service.db.tables import Transaction
from service.model import AlarmKind
from service.model.reconciling import WebhookGaps
from service.pipeline.alarms.own_alarms import BEHIND, AlarmLook, make_alarm, settle_alarms
from service.pipeline.context import Context
from service.store.circleci.webhook_gaps import read_gaps

WATCH_EVERY_MIN = 5
MIN_GAPS = 3  # fewer are no reason to call a person
MIN_RATE = 0.02
"""The share of runs without a webhook from which on operators are told."""
LONG_BEHIND_S = 900.0
"""The delay of asking from which on operators are told; a shorter one is on the page of health and in the log."""


async def watch_gaps(context: Context, now: datetime) -> WebhookGaps:
    """Export the gaps, begin or end the alarm of them, and return them."""
    gaps = await context.store.read(read_gaps, now)
    context.metrics.webhook_gap_ratio.set(gaps.rate)
    context.metrics.reconcile_waiting.set(gaps.waiting)
    context.metrics.reconcile_behind.set(gaps.behind_s)
    if context.operators is not None:
        await context.store.write(_settle, context, gaps, now)
    return gaps


def _settle(transaction: Transaction, context: Context, gaps: WebhookGaps, now: datetime) -> None:
    look = AlarmLook(kinds=frozenset({AlarmKind.GAPS}))
    if gaps.missed + gaps.late >= MIN_GAPS and gaps.rate >= MIN_RATE:
        look.add(make_alarm(AlarmKind.GAPS, _sentence(gaps), now))
    if gaps.behind_s >= LONG_BEHIND_S:
        look.add(make_alarm(AlarmKind.GAPS, _behind(gaps), now, about=BEHIND))
    elif gaps.is_behind:  # it began, and is not over
        look.unknown.add(f"{AlarmKind.GAPS}:{BEHIND}")
    settle_alarms(transaction, context, look, now)


def _behind(gaps: WebhookGaps) -> str:
    return (
        f"Of the pipelines that wait to be asked for at CircleCI ({gaps.waiting}) the first has waited for "
        f"{gaps.behind_s / 60:.0f} minutes: missed webhooks are found late. Raise ROUNDSMAN_RECONCILE_CALLS, leave "
        "projects out with `reconcile: false`, or see in the log why CircleCI does not answer."
    )


def _sentence(gaps: WebhookGaps) -> str:
    late = f", and those of {gaps.late} came late" if gaps.late else ""
    return (
        f"Of {gaps.runs} workflows that ended within a day the webhooks of {gaps.missed} did not come{late}: they were "
        "found by asking CircleCI. `roundsman hooks list` and `roundsman refusals` show whether the hooks are at fault."
    )
