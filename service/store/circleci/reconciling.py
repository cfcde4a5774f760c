"""The rows of reconciling: projects to list, and pipelines to ask for."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update

from service.db.tables import Transaction, events, pipelines_to_ask, reconciled_projects, runs, tracks
from service.model import Color
from service.model.reconciling import PipelineToAsk, Scan, Urgency
from service.store.rows import INSERTS, Row

OVERLAP = timedelta(minutes=3)
"""The span that is listed once more: CircleCI may list a new pipeline a little late."""
ONE_HOUR = timedelta(hours=1)
MAX_SPAN = timedelta(days=30)  # of one list: what is older is for `roundsman backfill`
MAX_PROJECTS = 50  # of one list


def building_projects(transaction: Transaction, *, since: datetime) -> Mapping[str, tuple[str, str | None]]:
    """Return slug and name of the projects with a run since a time, by their ids."""
    found = (
        select(tracks.c.project_id, func.max(tracks.c.project_slug), func.max(tracks.c.project_name))
        .where(tracks.c.last_at >= since, tracks.c.project_id.is_not(None), tracks.c.project_slug.is_not(None))
        .group_by(tracks.c.project_id)
    )
    return {project_id: (slug, name) for project_id, slug, name in transaction.execute(found)}


def known_projects(transaction: Transaction) -> Mapping[str, datetime]:
    """Return up to when the pipelines of each project were listed, by its id."""
    found = select(reconciled_projects.c.project_id, reconciled_projects.c.checked_until)
    return {project_id: at for project_id, at in transaction.execute(found)}  # noqa: C416 - rows are no pairs to mypy


def listed_projects(transaction: Transaction) -> Mapping[str, str]:
    """Return the slugs of the projects that are reconciled, by id."""
    found = select(reconciled_projects.c.project_id, reconciled_projects.c.slug)
    return {project_id: slug for project_id, slug in transaction.execute(found)}  # noqa: C416 - rows are no pairs to mypy


def change_projects(
    transaction: Transaction, *, new: Mapping[str, str], gone: Collection[str], checked_until: datetime
) -> None:
    """Begin to reconcile projects, by id and slug, and end it for others."""
    for project_id, slug in sorted(new.items()):
        row = {"project_id": project_id, "slug": slug, "checked_until": checked_until, "is_alone": False}
        transaction.execute(INSERTS[transaction.dialect.name](reconciled_projects).on_conflict_do_nothing(), row)
    if gone:
        transaction.execute(delete(reconciled_projects).where(reconciled_projects.c.project_id.in_(gone)))


def begin_scans(
    transaction: Transaction,
    *,
    now: datetime,
    older_than: datetime,
    group_of: Callable[[str], str],
    again: timedelta = timedelta(),
) -> list[Scan]:
    """Begin to list the projects that are due, and return all lists under way.

    group_of   returns what the slugs of projects have in common that are listed together
    again      once an hour as long a span is listed once more
    """
    due = (
        select(reconciled_projects)
        .where(reconciled_projects.c.scan.is_(None), reconciled_projects.c.checked_until <= older_than)
        .order_by(reconciled_projects.c.checked_until, reconciled_projects.c.project_id)
    )
    rows = transaction.execute(due).mappings().all()
    together: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        together[row["project_id"] if row["is_alone"] else group_of(row["slug"])].append(row["project_id"])
    groups = together.values()
    chunks = [group[at : at + MAX_PROJECTS] for group in groups for at in range(0, len(group), MAX_PROJECTS)]
    for chunk in chunks:
        beginning = update(reconciled_projects).where(reconciled_projects.c.project_id.in_(chunk))
        transaction.execute(beginning.values(scan=uuid4(), scan_until=now, cursor=None))
    return [_with_older(scan, again) for scan in _scans(transaction, now)]


def _with_older(scan: Scan, again: timedelta) -> Scan:
    """Return a list that reaches back further, if it is the first one of an hour."""
    new_since = scan.since
    is_first = (new_since + OVERLAP).replace(minute=0, second=0, microsecond=0) + ONE_HOUR <= scan.until
    return replace(scan, since=min(new_since, scan.until - again), new_since=new_since) if is_first else scan


def _scans(transaction: Transaction, now: datetime) -> list[Scan]:
    under_way: dict[UUID, list[Row]] = defaultdict(list)
    wanted = select(reconciled_projects).where(reconciled_projects.c.scan.is_not(None))
    for row in transaction.execute(wanted.order_by(reconciled_projects.c.project_id)).mappings():
        under_way[row["scan"]].append(row)
    found = [
        Scan(
            id=scan,
            projects={row["project_id"]: row["slug"] for row in rows},
            since=max(min(row["checked_until"] for row in rows) - OVERLAP, now - MAX_SPAN),
            until=rows[0]["scan_until"],
            cursor=rows[0]["cursor"],
        )
        for scan, rows in under_way.items()
    ]
    return sorted(found, key=lambda scan: (scan.since, scan.until, scan.id))


def go_on(transaction: Transaction, scan: Scan, cursor: str) -> None:
    """Note the next page of a list."""
    transaction.execute(_of(scan).values(cursor=cursor))


def end_scan(transaction: Transaction, scan: Scan) -> None:
    """Note that the pipelines of projects are listed."""
    ended = {"checked_until": scan.until, "scan": None, "scan_until": None, "cursor": None, "is_alone": False}
    transaction.execute(_of(scan).values(ended))


def give_up_scan(transaction: Transaction, scan: Scan) -> bool:
    """Drop a list that failed; return whether its projects are listed singly."""
    is_of_many = len(scan.projects) > 1
    if is_of_many:
        transaction.execute(_of(scan).values(is_alone=True, scan=None, scan_until=None, cursor=None))
    else:
        end_scan(transaction, scan)
    return is_of_many


def drop_scans(transaction: Transaction) -> None:
    """Drop all lists under way; they begin anew."""
    transaction.execute(update(reconciled_projects).values(scan=None, scan_until=None, cursor=None))


def _of(scan: Scan):  # type: ignore[no-untyped-def]  # reason: SQLAlchemy's type of it is private
    return update(reconciled_projects).where(reconciled_projects.c.scan == scan.id)


def colors_of(
    transaction: Transaction, pipelines: Collection[tuple[str, int]]
) -> Mapping[tuple[str, int], Sequence[Color]]:
    """Return the colors of pipelines by project and number.

    Of each track its last run counts: a rerun takes the place of the run that it repeats.
    """
    if not pipelines:
        return {}
    projects, numbers = {one for one, _ in pipelines}, {number for _, number in pipelines}
    of_projects = select(tracks.c.id).where(tracks.c.project_id.in_(projects))
    wanted = (
        select(tracks.c.project_id, runs.c.pipeline_number, runs.c.track_id, runs.c.color)
        .join(tracks, tracks.c.id == runs.c.track_id)
        .where(runs.c.track_id.in_(of_projects), runs.c.pipeline_number.in_(numbers))
        .order_by(runs.c.created_at, runs.c.id)
    )
    found: dict[tuple[str, int], dict[int, Color]] = defaultdict(dict)
    for project_id, number, track_id, color in transaction.execute(wanted):
        found[project_id, number][track_id] = Color(color)
    return {pipeline: list(of_tracks.values()) for pipeline, of_tracks in found.items()}


def add(transaction: Transaction, found: Sequence[PipelineToAsk]) -> None:
    """Add pipelines to ask for; those that were added before stay as they are."""
    if not found:
        return
    inserting = INSERTS[transaction.dialect.name](pipelines_to_ask).on_conflict_do_nothing()
    transaction.execute(inserting, [vars(one) for one in sorted(found, key=lambda one: one.id)])


def put_first(transaction: Transaction, found: Sequence[PipelineToAsk]) -> None:
    """Add pipelines to ask for before all others, also those that were asked for."""
    for one in sorted(found, key=lambda one: one.id):
        inserting = INSERTS[transaction.dialect.name](pipelines_to_ask)
        first = {"urgency": one.urgency, "due_at": one.due_at}
        transaction.execute(inserting.on_conflict_do_update(index_elements=["id"], set_=first), vars(one))


def asked_for_spans(transaction: Transaction) -> frozenset[str]:
    """Return the ids of pipelines that a span has put first, or that were asked for."""
    known = select(pipelines_to_ask.c.id).where(
        (pipelines_to_ask.c.urgency == Urgency.SPAN) | (pipelines_to_ask.c.looks > 0)
    )
    return frozenset(transaction.execute(known).scalars())


def due(transaction: Transaction, *, now: datetime, urgency: Collection[Urgency], limit: int) -> list[PipelineToAsk]:
    """Return the pipelines that are due, the most urgent first."""
    wanted = (
        select(pipelines_to_ask)
        .where(pipelines_to_ask.c.due_at.is_not(None), pipelines_to_ask.c.due_at <= now)
        .where(pipelines_to_ask.c.urgency.in_(urgency))
        .order_by(pipelines_to_ask.c.urgency, pipelines_to_ask.c.due_at, pipelines_to_ask.c.id)
        .limit(limit)
    )
    return [_to_pipeline(row) for row in transaction.execute(wanted).mappings()]


def count_due(transaction: Transaction, now: datetime) -> int:
    """Count the pipelines that are due, but for those that are only made sure of."""
    counting = select(func.count()).where(
        pipelines_to_ask.c.due_at.is_not(None),
        pipelines_to_ask.c.due_at <= now,
        pipelines_to_ask.c.urgency < Urgency.CHECK,
    )
    return transaction.execute(counting).scalar() or 0


def oldest_due(transaction: Transaction, now: datetime) -> datetime | None:
    """Return since when the pipeline that has waited longest is due; None: none is."""
    due_first = select(func.min(pipelines_to_ask.c.due_at)).where(
        pipelines_to_ask.c.due_at <= now, pipelines_to_ask.c.urgency < Urgency.CHECK
    )
    found: datetime | None = transaction.execute(due_first).scalar()
    return found


def oldest_check(transaction: Transaction) -> datetime | None:
    """Return the time up to which the pipelines of every project were listed."""
    found: datetime | None = transaction.execute(select(func.min(reconciled_projects.c.checked_until))).scalar()
    return found


def put_look(transaction: Transaction, pipeline: PipelineToAsk) -> None:
    """Note the result of a look at a pipeline."""
    values = {
        "urgency": pipeline.urgency,
        "due_at": pipeline.due_at,
        "looks": pipeline.looks,
        "looked_at": pipeline.looked_at,
    }
    transaction.execute(update(pipelines_to_ask).where(pipelines_to_ask.c.id == pipeline.id).values(**values))


def forget_old(transaction: Transaction, *, before: datetime, finished_before: datetime) -> None:
    """Delete pipelines that were created before a time; finished ones sooner."""
    is_done = pipelines_to_ask.c.due_at.is_(None)
    finished = is_done & (pipelines_to_ask.c.created_at < finished_before)
    transaction.execute(delete(pipelines_to_ask).where((pipelines_to_ask.c.created_at < before) | finished))


def organization_of(transaction: Transaction, project_id: str) -> str | None:
    """Return the name of the organization of a project, as its posts tell it."""
    named = (
        select(events.c.org)
        .join(runs, runs.c.event_id == events.c.id)
        .join(tracks, tracks.c.id == runs.c.track_id)
        .where(tracks.c.project_id == project_id, events.c.org.is_not(None))
        .limit(1)
    )
    found: str | None = transaction.execute(named).scalar()
    return found


def workflow_page_of(transaction: Transaction, project_id: str) -> str | None:
    """Return the page of a workflow of a project, if a post of a server named one."""
    named = (
        select(events.c.workflow_url)
        .join(runs, runs.c.event_id == events.c.id)
        .join(tracks, tracks.c.id == runs.c.track_id)
        .where(tracks.c.project_id == project_id, events.c.workflow_url.like("http%"))
        .limit(1)
    )
    found: str | None = transaction.execute(named).scalar()
    return found


def project_of_slug(transaction: Transaction, slugs: Collection[str]) -> tuple[str, str, str | None] | None:
    """Return id, slug and name of the project with one of these slugs."""
    wanted = (
        select(tracks.c.project_id, tracks.c.project_slug, tracks.c.project_name)
        .where(tracks.c.project_slug.in_(slugs), tracks.c.project_id.is_not(None))
        .order_by(tracks.c.id.desc())
        .limit(1)
    )
    row = transaction.execute(wanted).first()
    return None if row is None else (row.project_id, row.project_slug, row.project_name)


def _to_pipeline(row: Row) -> PipelineToAsk:
    return PipelineToAsk(**{**row, "urgency": Urgency(row["urgency"])})
