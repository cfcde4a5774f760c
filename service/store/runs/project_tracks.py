"""Projects by their names, and the tracks of one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, select, text

from service.db.tables import Transaction, incidents, tracks
from service.db.track_tables import OF_DEFAULT_BRANCH
from service.model import Color, slug_spellings
from service.store.runs import project_names, track_search
from service.store.runs.tracks import StoredTrack, to_stored

MAX_PROJECTS = 10_000
MAX_NAMED = 200
MAX_MEANT = 4
MAX_TRACKS = 2_000
_IS_OF_DEFAULT_BRANCH = text(OF_DEFAULT_BRANCH)


@dataclass(frozen=True, kw_only=True)
class ProjectKey:
    """The identity of a project.

    slug   in the short spelling; None: it is known by its name alone
    name   of people, with its organization; None: it has none
    """

    slug: str | None
    name: str | None


@dataclass(frozen=True, kw_only=True)
class ProjectActivity:
    """The runs of a project on all branches.

    tracks    the number of its workflows on branches
    last_at   the end of its latest run
    """

    tracks: int
    last_at: datetime | None


def find_named(transaction: Transaction, names: Collection[str]) -> Mapping[str, Sequence[ProjectKey]]:
    """Return the projects that have one of these slugs or names, by that.

    Where none has, a name may lack its organization, and be in any other case.
    """
    if found := _find_exactly(transaction, names):
        return found
    meant = {name: track_search.find_projects(transaction, name) for name in list(names)[:MAX_MEANT]}
    known = _find_exactly(transaction, {slug for slugs in meant.values() for slug in slugs})
    others = {name: [key for slug in slugs for key in known.get(slug, ())] for name, slugs in meant.items()}
    return {name: list(dict.fromkeys(keys)) for name, keys in others.items() if keys}


def _find_exactly(transaction: Transaction, names: Collection[str]) -> dict[str, list[ProjectKey]]:
    slugs = {spelling for name in names for spelling in slug_spellings(name)}
    pairs = {*project_names.names_of(transaction, slugs), *project_names.slugs_of(transaction, names)}
    found: dict[str, dict[str, ProjectKey]] = {}
    for slug, name in sorted(pairs, key=repr)[:MAX_NAMED]:
        spellings = slug_spellings(slug) if slug else ()
        key = ProjectKey(slug=spellings[0] if spellings else None, name=name)
        for written in {*names}.intersection({name, *spellings}):
            found.setdefault(written, {}).setdefault(key.slug or f" {key.name}", key)
    return {written: list(some.values()) for written, some in found.items()}


def one_of_each(transaction: Transaction, but: Collection[str]) -> Sequence[StoredTrack]:
    """Return a track of each project that is none of these, by their short slugs."""
    some = (
        select(tracks.c.project_slug, func.min(tracks.c.id))
        .where(tracks.c.project_slug.is_not(None))
        .group_by(tracks.c.project_slug)
        .limit(MAX_PROJECTS)
    )
    ids = [track_id for slug, track_id in transaction.execute(some) if slug_spellings(slug)[0] not in but]
    return _with_ids(transaction, ids) if ids else []


def _with_ids(transaction: Transaction, track_ids: Collection[int]) -> list[StoredTrack]:
    return _stored(transaction, tracks.c.id.in_(track_ids))


def of_default_branch(transaction: Transaction, key: ProjectKey) -> list[StoredTrack]:
    """Return the tracks of a project's default branch."""
    return _stored(transaction, _of(key), _IS_OF_DEFAULT_BRANCH)


def of_workflow(transaction: Transaction, key: ProjectKey, workflow: str) -> list[StoredTrack]:
    """Return the tracks of a workflow, those with the latest runs first."""
    return _stored(transaction, _of(key), tracks.c.workflow == workflow)


def red_ones(transaction: Transaction, key: ProjectKey) -> list[StoredTrack]:
    """Return the red tracks of a project, those with the latest runs first."""
    return _stored(transaction, _of(key), tracks.c.color == Color.RED)


def _stored(transaction: Transaction, *conditions: ColumnElement[bool] | object) -> list[StoredTrack]:
    wanted = select(tracks).where(*conditions).order_by(tracks.c.last_at.desc(), tracks.c.id)  # type: ignore[arg-type]
    return [to_stored(row) for row in transaction.execute(wanted.limit(MAX_TRACKS)).mappings()]


def workflows_of(transaction: Transaction, key: ProjectKey) -> list[str]:
    """Return the names of the workflows of a project."""
    wanted = select(tracks.c.workflow).where(_of(key), tracks.c.workflow.is_not(None)).distinct()
    return sorted(name for name in transaction.execute(wanted.limit(MAX_TRACKS)).scalars() if name)


def branches_of(transaction: Transaction, key: ProjectKey) -> Mapping[str, datetime]:
    """Return the branches of a project with the end of the last run, newest first."""
    last_at = func.max(tracks.c.last_at).label("last_at")
    wanted = select(tracks.c.branch, last_at).where(
        _of(key), tracks.c.branch.is_not(None), tracks.c.last_at.is_not(None)
    )
    found = transaction.execute(wanted.group_by(tracks.c.branch).order_by(last_at.desc()).limit(MAX_TRACKS))
    return {row.branch: row.last_at for row in found}


def activity(transaction: Transaction, key: ProjectKey) -> ProjectActivity:
    """Return the number of a project's tracks, and the end of its latest run."""
    counted = select(func.count(), func.max(tracks.c.last_at)).where(_of(key))
    count, last_at = transaction.execute(counted).one()
    return ProjectActivity(tracks=count, last_at=last_at)


def ids_of(key: ProjectKey) -> Select[int]:
    """Return the statement for the ids of a project's tracks."""
    return select(tracks.c.id).where(_of(key))


def _of(key: ProjectKey) -> ColumnElement[bool]:
    if key.slug is not None:
        return tracks.c.project_slug.in_(slug_spellings(key.slug))
    is_named = tracks.c.project_name == key.name if key.name is not None else tracks.c.project_name.is_(None)
    return and_(tracks.c.project_slug.is_(None), is_named)


def last_reds(transaction: Transaction, track_ids: Iterable[int]) -> Mapping[int, datetime]:
    """Return the end of the last stretch of red of each track, or its begin if open."""
    ids = list(track_ids)
    if not ids:
        return {}
    latest = (
        select(incidents.c.track_id, func.max(func.coalesce(incidents.c.closed_at, incidents.c.opened_at)).label("at"))
        .where(incidents.c.track_id.in_(ids), incidents.c.merged_into.is_(None))
        .group_by(incidents.c.track_id)
    )
    return {row.track_id: row.at for row in transaction.execute(latest)}
