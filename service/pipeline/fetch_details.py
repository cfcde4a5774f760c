"""Asking the source, which is a courtesy: how long we listen, and when we come back for the rest."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from service.model import DetailKind, Details, Event, MissingDetail
from service.pipeline.context import Context


async def fetch_details(
    context: Context, event: Event, wants: frozenset[DetailKind], known: Details | None, *, within: timedelta
) -> Details:
    """What the source tells within a time; what it does not tell by then is missing, and may yet come."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await context.source.enrich(event, wants, known)
    except TimeoutError:
        reason = f"CircleCI did not answer everything within {within.total_seconds():.0f} s"
        missing = tuple(MissingDetail(want=want, reason=reason, is_final=False) for want in sorted(wants))
        before = known or Details()
        return replace(before, missing=missing, rounds=before.rounds + 1, asked_at=context.clock())


def with_missing(known: Details | None, wants: frozenset[DetailKind], reason: str) -> Details | None:
    """What is known, with a reason for each fact that is wanted and has none; it may yet be told."""
    before = known or Details()
    unexplained = wants - {missing.want for missing in before.missing}
    gaps = tuple(MissingDetail(want=want, reason=reason, is_final=False) for want in sorted(unexplained))
    return replace(before, missing=(*before.missing, *gaps)) if gaps else known


def next_fetch_at(context: Context, details: Details, *, deadline: datetime) -> datetime:
    """When to ask again while somebody waits for the answer: not before the source said, but at the deadline."""
    return min(
        context.clock() + context.retry_policy.pause(details.rounds, asked_for_s=retry_after_s(details)), deadline
    )


def retry_after_s(details: Details) -> float:
    """For how long the source asked us not to come back, in seconds."""
    return max((missing.retry_after_s or 0.0 for missing in details.missing), default=0.0)
