"""Fetch an event's details within a time limit, and plan the next fetch."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from service.circleci.source import JobFilter, every_job
from service.model import DetailKind, Details, Event, MissingDetail
from service.pipeline.context import Context


async def fetch_details(  # noqa: PLR0913 - what to ask, and how long
    context: Context,
    event: Event,
    wants: frozenset[DetailKind],
    known: Details | None,
    *,
    within: timedelta,
    passes_of: JobFilter = every_job,
) -> Details:
    """Return the details that the source answers within a time.

    After a timeout all wanted details are missing, but not for good.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await context.source.enrich(event, wants, known, passes_of=passes_of)
    except TimeoutError:
        reason = f"CircleCI did not answer everything within {within.total_seconds():.0f} s"
        missing = tuple(MissingDetail(want=want, reason=reason, is_final=False) for want in sorted(wants))
        before = known or Details()
        return replace(before, missing=missing, rounds=before.rounds + 1, asked_at=context.clock())


def with_missing(known: Details | None, wants: frozenset[DetailKind], reason: str) -> Details | None:
    """Mark wanted details as missing, not for good, unless they have a reason already."""
    before = known or Details()
    unexplained = wants - {missing.want for missing in before.missing}
    gaps = tuple(MissingDetail(want=want, reason=reason, is_final=False) for want in sorted(unexplained))
    return replace(before, missing=(*before.missing, *gaps)) if gaps else known


def may_still_come(details: Details | None, wants: frozenset[DetailKind]) -> bool:
    """Return whether a wanted detail is missing, and the source may still give it."""
    if details is None:
        return bool(wants)
    return any(missing.want in wants and not missing.is_final for missing in details.missing)


def next_fetch_at(context: Context, details: Details, *, deadline: datetime) -> datetime:
    """Return the time of the next fetch while messages wait.

    It is not before the source's Retry-After, but never after the deadline.
    """
    return min(
        context.clock() + context.retry_policy.pause(details.rounds, asked_for_s=retry_after_s(details)), deadline
    )


def retry_after_s(details: Details) -> float:
    """Return the longest Retry-After of the missing details, in seconds, or 0."""
    return max((missing.retry_after_s or 0.0 for missing in details.missing), default=0.0)
