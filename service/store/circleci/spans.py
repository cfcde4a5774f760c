"""Spans, as rows: one for each part of a pipeline, as told last."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal_column, or_, select

from service.db.tables import Transaction, runs, spans, tracks
from service.model import Span, SpanLevel, UnexplainedRun
from service.store.bulk import BulkInsert, replacing
from service.store.deliveries.dead_bodies import ids_in_dead_bodies
from service.store.rows import Row

MAX_OF_RUN = 3_000
"""The number of spans that are read of one run; those that did not pass come first."""

UNFINISHED = ("running", "on_hold", "failing", "not_run")
"""CircleCI's words for a workflow that goes on: its webhook is yet to come, or never comes."""

# the last one wins by the time when its part ended; one that has not ended is the oldest
_IS_NEWER = "WHERE spans.ended_at IS NULL OR excluded.ended_at >= spans.ended_at"
_PUT = BulkInsert(spans, f"{replacing(spans, 'id', kept=['received_at'])} {_IS_NEWER}")
_IS_WORKFLOW = spans.c.level == literal_column("'workflow'")
_IS_PASSED_STEP = and_(spans.c.level == literal_column("'step'"), spans.c.result == literal_column("'success'"))
_HAS_RUN = exists().where(runs.c.id == spans.c.workflow_id)


def put(transaction: Transaction, found: Sequence[Span], *, received_at: datetime) -> None:
    """Store spans; one that is there already is what the newer one says."""
    newest: dict[UUID, Span] = {}
    for span in sorted(found, key=_ended):
        newest[span.id] = span
    _PUT(transaction, [_to_row(span_id, span, received_at) for span_id, span in sorted(newest.items())])


def _ended(span: Span) -> float:
    return span.ended_at.timestamp() if span.ended_at else 0.0


def _to_row(span_id: UUID, span: Span, received_at: datetime) -> dict[str, object]:
    return {**vars(span), "id": span_id, "received_at": received_at, "facts": dict(span.facts)}


def of_run(transaction: Transaction, workflow_id: UUID) -> list[Span]:
    """Return the spans of a workflow and its jobs, and the one of its pipeline.

    At most MAX_OF_RUN: outer ones first, and those that did not pass.
    """
    order = (spans.c.level == SpanLevel.STEP, spans.c.level == SpanLevel.TASK, spans.c.result == "success")
    wanted = (
        select(spans)
        .where(spans.c.workflow_id == workflow_id)
        .order_by(*order, spans.c.started_at, spans.c.id)
        .limit(MAX_OF_RUN)
    )
    found = [_to_span(row) for row in transaction.execute(wanted).mappings()]
    if not found:
        return []
    of_pipeline = select(spans).where(
        spans.c.pipeline_id == found[0].pipeline_id, spans.c.level == literal_column("'pipeline'")
    )
    return [*found, *(_to_span(row) for row in transaction.execute(of_pipeline).mappings())]


def find_unexplained(
    transaction: Transaction,
    *,
    received_before: datetime,
    received_after: datetime,
    limit: int,
    of_all_projects: bool = False,
) -> list[UnexplainedRun]:
    """Return workflows that ended by a span and have no run on record, newest first.

    received_before   of the first span; a webhook may take some minutes
    received_after    bounds the search
    of_all_projects   also those that never posted: an exporter tells of all projects of an organization, also of
                      those without a hook of ours, and there no webhook is missing
    """
    wanted = select(spans).where(*_unexplained(received_before, received_after, of_all_projects=of_all_projects))
    newest = wanted.order_by(spans.c.received_at.desc(), spans.c.id).limit(limit)
    return _to_unexplained(transaction, transaction.execute(newest).mappings().all())


def count_unexplained(transaction: Transaction, *, received_before: datetime, received_after: datetime) -> int:
    """Return the number of such workflows, of projects that have posted before.

    One whose webhook came and is a dead letter does not count: that is counted there.
    """
    counted = select(func.count()).select_from(spans)
    found = counted.where(*_unexplained(received_before, received_after, of_all_projects=False))
    count: int = transaction.execute(found).scalar_one()
    dead = ids_in_dead_bodies(transaction, since=received_after) if count else frozenset()
    return count - transaction.execute(found.where(spans.c.workflow_id.in_(dead))).scalar_one() if dead else count


def find_run(transaction: Transaction, workflow_id: UUID) -> UnexplainedRun | None:
    """Return a workflow by its span; None if none told that it ended."""
    wanted = select(spans).where(spans.c.workflow_id == workflow_id, _IS_WORKFLOW, spans.c.ended_at.is_not(None))
    return next(iter(_to_unexplained(transaction, transaction.execute(wanted).mappings().all())), None)


def _unexplained(before: datetime, after: datetime, *, of_all_projects: bool) -> Sequence[ColumnElement[bool]]:
    posted = exists().where(tracks.c.project_id == spans.c.project_id)
    return (
        _IS_WORKFLOW,
        spans.c.received_at <= before,
        spans.c.received_at > after,
        spans.c.ended_at.is_not(None),
        or_(spans.c.status.is_(None), spans.c.status.not_in(UNFINISHED)),
        ~_HAS_RUN,
        *(() if of_all_projects else (posted,)),
    )


def prune(transaction: Transaction, *, before: datetime, limit: int) -> int:
    """Delete the oldest spans from before a time; return their number."""
    return _delete(transaction, spans.c.received_at < before, limit=limit)


def prune_passed_steps(transaction: Transaction, *, before: datetime, limit: int) -> int:
    """Delete the oldest steps that passed from before a time; return their number."""
    return _delete(transaction, _IS_PASSED_STEP & (spans.c.received_at < before), limit=limit)


def _delete(transaction: Transaction, which: ColumnElement[bool], *, limit: int) -> int:
    oldest = select(spans.c.id).where(which).order_by(spans.c.received_at).limit(limit)
    return transaction.execute(delete(spans).where(spans.c.id.in_(oldest))).rowcount


def _to_span(row: Row) -> Span:
    own = {name: row[name] for name in row if name not in {"id", "level", "received_at"}}
    return Span(level=SpanLevel(row["level"]), **own)


def _to_unexplained(transaction: Transaction, rows: Sequence[Row]) -> list[UnexplainedRun]:
    ids = {row["project_id"] for row in rows}
    named = select(tracks.c.project_id, func.max(tracks.c.project_slug), func.max(tracks.c.project_name))
    of_ids = named.where(tracks.c.project_id.in_(ids)).group_by(tracks.c.project_id)
    names = {one: (slug, name) for one, slug, name in transaction.execute(of_ids)} if rows else {}
    return [_unexplained_run(row, *names.get(row["project_id"], (None, None))) for row in rows]


def _unexplained_run(row: Row, slug: str | None, name: str | None) -> UnexplainedRun:
    same = (
        "workflow_id",
        "pipeline_id",
        "project_id",
        "name",
        "status",
        "started_at",
        "ended_at",
        "received_at",
        "facts",
    )
    return UnexplainedRun(project_slug=slug, project_name=name, **{key: row[key] for key in same})
