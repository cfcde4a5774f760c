"""Close incidents of tracks that had no run for long, as expired.

That is no news: no channel is told, and the next red is news again. Judging a later run would come to the same end.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from service.db.tables import Transaction
from service.model import Closing
from service.pipeline.context import Context
from service.store.circleci.project_questions import GONE_AFTER
from service.store.incidents import incidents
from service.store.notifications import kept_back, living_messages, told
from service.store.runs import tracks
from service.store.runs.tracks import StoredTrack

EXPIRE_EVERY_S = 600.0
EXPIRED = "its incident expired before it was told"
BATCH_SIZE = 100  # tracks that one transaction holds

log = structlog.get_logger()


async def expire_incidents(context: Context, *, batch_size: int = BATCH_SIZE) -> None:
    """Close the incidents that are to expire, a batch of tracks at a time."""
    await context.store.write(tracks.apply_settings, context.projects)
    now, beyond, count = context.clock(), 0, 0
    while True:
        found = await context.store.read(_find, now - context.projects.shortest_expiry, beyond, batch_size)
        if not found:
            break
        beyond = found[-1]
        count += await context.store.write(close_silent, found, now)
    if count:
        log.info("incidents expired", incidents=count)


def _find(transaction: Transaction, before: datetime, beyond: int, limit: int) -> list[int]:
    """Return red tracks without a run since the shortest limit, in order."""
    return tracks.find_silent(transaction, before=before, beyond=beyond, limit=limit)


def close_silent(transaction: Transaction, track_ids: list[int], now: datetime) -> int:
    """Close the incidents of those of the tracks that are red and silent still.

    Returns their number.
    """
    locked = tracks.lock_all(transaction, track_ids)
    return _close(transaction, [one for one in locked if one.track.is_silent(one.state.last_at, now)], now)


def close_gone(transaction: Transaction, track_ids: list[int], now: datetime) -> int:
    """Close the incidents of tracks that are red still, as their branches are gone.

    Not of those that had a run of late, which may have brought the branch back. Returns their number.
    """
    locked, before = tracks.lock_all(transaction, track_ids), now - GONE_AFTER
    return _close(transaction, [one for one in locked if one.state.last_at and one.state.last_at < before], now)


def _close(transaction: Transaction, found: Sequence[StoredTrack], now: datetime) -> int:
    silent = [one for one in found if one.state.incident_id]
    known = incidents.find_all(transaction, {one.state.incident_id for one in silent if one.state.incident_id})
    closing = [
        replace(known[one.state.incident_id], closed_at=min(_end(one), now), closed_because=Closing.EXPIRED)
        for one in silent
        if one.state.incident_id in known
    ]
    incidents.put(transaction, closing)
    tracks.put_states(transaction, [tracks.without_incident(one) for one in silent])
    told.forget(transaction, [one.track.id for one in silent])
    kept_back.drop_of_ended(transaction, [one.id for one in closing], reason=EXPIRED)
    living_messages.order_edits(transaction, [one.id for one in closing], now)
    return len(closing)


def _end(one: StoredTrack) -> datetime:
    """Return the time at which the incident of a silent track ended."""
    assert one.state.last_at is not None  # noqa: S101 - a silent track had a run
    return one.state.last_at + one.track.expiry
