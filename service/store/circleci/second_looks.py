"""Second looks at pipelines: a workflow of one may be run again."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from service.db.tables import Transaction, events, incidents, pipelines_to_ask, reconciled_projects, runs, tracks
from service.model.reconciling import PipelineToAsk, Urgency
from service.store.rows import INSERTS

SOON = timedelta(hours=1)
MAX_LOOKS = 12  # at a pipeline at which nothing is missing
ANY = 2**31 - 1
MAX_IDS = 500
MAX_RED = 200


def reopen(
    transaction: Transaction, found: Sequence[PipelineToAsk], *, changed_at: datetime, max_looks: int = MAX_LOOKS
) -> None:
    """Have pipelines asked for once more that changed at a time.

    Those that were looked at since, or so often, stay as they are, and so do unfinished ones and those that are to be
    looked at within the hour. One that is under way does not wait for that.
    """
    looked_at, due_at = pipelines_to_ask.c.looked_at, pipelines_to_ask.c.due_at
    is_other = pipelines_to_ask.c.urgency != Urgency.UNFINISHED
    for one in sorted(found, key=lambda one: one.id):
        soon = timedelta() if one.urgency is Urgency.UNFINISHED else SOON
        inserting = INSERTS[transaction.dialect.name](pipelines_to_ask)
        reopening = inserting.on_conflict_do_update(
            index_elements=["id"],
            set_={"urgency": one.urgency, "due_at": one.due_at},
            where=(due_at.is_(None) | (is_other & (due_at > (one.due_at or changed_at) + soon)))
            & (looked_at.is_(None) | (looked_at < changed_at))
            & (pipelines_to_ask.c.looks < max_looks),
        )
        transaction.execute(reopening, vars(one))


def unfinished_later(transaction: Transaction, projects: Collection[str], *, after: datetime) -> frozenset[str]:
    """Return the ids of unfinished pipelines whose next look is after a time."""
    wanted = select(pipelines_to_ask.c.id).where(
        pipelines_to_ask.c.urgency == Urgency.UNFINISHED,
        pipelines_to_ask.c.due_at > after,
        pipelines_to_ask.c.project_id.in_(projects),
    )
    return frozenset(transaction.execute(wanted).scalars())


def hasten(transaction: Transaction, ids: Collection[str], now: datetime) -> None:
    """Have pipelines asked for now."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), MAX_IDS):
        some = pipelines_to_ask.c.id.in_(ordered[start : start + MAX_IDS])
        transaction.execute(update(pipelines_to_ask).where(some).values(due_at=now))


def count_old_unfinished(transaction: Transaction, *, before: datetime) -> int:
    """Count the unfinished pipelines that were created before a time."""
    counting = select(func.count()).where(
        pipelines_to_ask.c.urgency == Urgency.UNFINISHED,
        pipelines_to_ask.c.due_at.is_not(None),
        pipelines_to_ask.c.created_at < before,
    )
    return transaction.execute(counting).scalar() or 0


def still_red(transaction: Transaction) -> Sequence[PipelineToAsk]:
    """Return the pipelines of the last red runs of open incidents, newest first."""
    wanted = (
        select(events.c.pipeline_id, tracks.c.project_id, tracks.c.project_slug, runs.c.created_at)
        .join(runs, runs.c.event_id == events.c.id)
        .join(incidents, incidents.c.last_red == runs.c.id)
        .join(tracks, tracks.c.id == incidents.c.track_id)
        .join(reconciled_projects, reconciled_projects.c.project_id == tracks.c.project_id)
        .where(incidents.c.closed_at.is_(None), events.c.pipeline_id.is_not(None))
        .order_by(runs.c.created_at.desc())
        .limit(MAX_RED)
    )
    return [
        PipelineToAsk(
            id=pipeline_id,
            project_id=project_id,
            slug=slug,
            created_at=at,
            urgency=Urgency.CHECK,
            due_at=None,
            looks=MAX_LOOKS,
        )
        for pipeline_id, project_id, slug, at in transaction.execute(wanted)
    ]
