"""Tracks by the names of their project, branch and workflow."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, case, func, select

from service.db.tables import Transaction, incidents, runs, tracks
from service.model import Closing, Color, default_branches, slug_spellings
from service.store.runs import project_names
from service.store.runs.tracks import StoredTrack, to_stored
from service.store.search import names

MAX_TRACKS = 2_000
MAX_TRACKS_EVERYWHERE = 10_000


def find_projects(transaction: Transaction, written: str) -> list[str]:
    """Return the slugs of the projects with runs that a slug or a name names.

    A name may lack its organization, and be in any case.
    """
    known = {written, *names.find_same(transaction, "project", written)}
    if found := _with_slugs(transaction, known) or _with_names(transaction, known):
        return sorted(found)
    ending = names.find_ending(transaction, "project", f"/{written}") if written else []
    return sorted(_with_slugs(transaction, ending) | _with_names(transaction, ending)) if ending else []


def _with_slugs(transaction: Transaction, written: Collection[str]) -> set[str]:
    spellings = {spelling for one in written for spelling in slug_spellings(one)}
    return {slug for slug, _name in project_names.names_of(transaction, spellings)}


def _with_names(transaction: Transaction, written: Collection[str]) -> set[str]:
    return {slug for slug, _name in project_names.slugs_of(transaction, written) if slug is not None}


def spellings_of(transaction: Transaction, written: str) -> set[str]:
    """Return every spelling of the slugs that a slug or a name names.

    Those of the text itself if none is on record.
    """
    found = find_projects(transaction, written) or [written]
    return {spelling for slug in found for spelling in slug_spellings(slug)}


def all_projects(transaction: Transaction) -> list[str]:
    """Return the slugs of all projects with runs."""
    every = select(tracks.c.project_slug).where(tracks.c.project_slug.is_not(None)).distinct()
    return sorted(transaction.execute(every).scalars())


def find(
    transaction: Transaction, slugs: Collection[str], *, branches: Collection[str], workflow: str | None = None
) -> Sequence[StoredTrack]:
    """Return the tracks of branches of projects, at most MAX_TRACKS."""
    wanted = select(tracks).where(tracks.c.project_slug.in_(slugs), tracks.c.branch.in_(branches))
    if workflow is not None:
        wanted = wanted.where(tracks.c.workflow == workflow)
    ordered = wanted.order_by(tracks.c.project_slug, tracks.c.branch, tracks.c.workflow, tracks.c.id)
    return [to_stored(row) for row in transaction.execute(ordered.limit(MAX_TRACKS)).mappings()]


def find_everywhere(transaction: Transaction, *, branch: str, workflow: str | None = None) -> Sequence[StoredTrack]:
    """Return the tracks of a branch in all projects, at most MAX_TRACKS_EVERYWHERE."""
    wanted = select(tracks).where(tracks.c.branch == branch, tracks.c.project_slug.is_not(None))
    if workflow is not None:
        wanted = wanted.where(tracks.c.workflow == workflow)
    ordered = wanted.order_by(tracks.c.project_slug, tracks.c.workflow, tracks.c.id)
    return [to_stored(row) for row in transaction.execute(ordered.limit(MAX_TRACKS_EVERYWHERE)).mappings()]


def default_branches_of(transaction: Transaction, slugs: Collection[str]) -> tuple[str, ...]:
    """Return the default branch of a project, or the usual ones, the likelier first."""
    known = select(func.max(tracks.c.own_default), func.max(tracks.c.posted_default))
    own, posted = transaction.execute(known.where(tracks.c.project_slug.in_(slugs))).one()
    return default_branches(own, posted)


def branches_of(transaction: Transaction, slugs: Collection[str]) -> list[str]:
    """Return the branches of projects that have runs."""
    return _values(transaction, select(tracks.c.branch).where(tracks.c.project_slug.in_(slugs)))


def workflows_of(transaction: Transaction, slugs: Collection[str]) -> list[str]:
    """Return the workflows of projects that have runs."""
    return _values(transaction, select(tracks.c.workflow).where(tracks.c.project_slug.in_(slugs)))


def _values(transaction: Transaction, some: Select[str | None]) -> list[str]:
    found = transaction.execute(some.distinct().limit(MAX_TRACKS)).scalars()
    return sorted(one for one in found if one is not None)


def green_since(transaction: Transaction, track_ids: Collection[int]) -> Mapping[int, datetime]:
    """Return the time from which on tracks are green.

    It is the end of the run that ended the last red, or of the first green run that was not deleted.
    """
    by_green = case((incidents.c.closed_because != Closing.EXPIRED, incidents.c.closed_at))
    ended = (
        select(incidents.c.track_id, func.max(incidents.c.closed_at).label("at"), func.max(by_green).label("green_at"))
        .where(incidents.c.track_id.in_(track_ids), incidents.c.merged_into.is_(None))
        .group_by(incidents.c.track_id)
    )
    last_reds = {row.track_id: row for row in transaction.execute(ended)}
    # the end of the green run is on record where one ended the last red; only the others need a look at their runs
    found = {track_id: row.at for track_id, row in last_reds.items() if row.at is not None and row.at == row.green_at}
    for track_id in set(track_ids) - found.keys():
        last_red = last_reds.get(track_id)
        if (at := _first_green(transaction, track_id, last_red.at if last_red else None)) is not None:
            found[track_id] = at
    return found


def _first_green(transaction: Transaction, track_id: int, since: datetime | None) -> datetime | None:
    green = select(runs.c.stopped_at).where(runs.c.track_id == track_id, runs.c.color == Color.GREEN)
    if since is not None:
        green = green.where(runs.c.stopped_at >= since)
    first: datetime | None = transaction.execute(green.order_by(runs.c.pipeline_number).limit(1)).scalar()
    return first or since
