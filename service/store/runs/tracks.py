"""Tracks, each with its state after its newest run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import bindparam, or_, select, update

from service.db.columns import UtcDateTime, is_any
from service.db.tables import Transaction, tracks
from service.model import Color, Event, Track, TrackState
from service.routing.projects import ProjectRules
from service.store.bulk import BulkInsert
from service.store.rows import Row, plain_rows
from service.store.search import names

MAX_BRANCH_CHARACTERS = 400  # it shares an entry of an index with the slug

_DIGESTS = UUID("6f0b1f9e-3d34-5a2a-9f3b-1c1d5f0a7e11")
_NEW_COLUMNS = [column.name for column in tracks.c if column.name != "id"]
_SETTINGS = ("posted_default", "own_default", "expire_s")
NAMES = ("id", "project_id", "project_slug", "project_name", "workflow", "branch", "definition_id", *_SETTINGS)
"""The columns of a track itself, without its state."""
_STATE = ("newest_pipeline", "colored_pipeline", "color", "streak", "since", "incident_id", "last_at", *_SETTINGS)
_INSERT = BulkInsert(tracks, "ON CONFLICT DO NOTHING", columns=_NEW_COLUMNS)
_UPDATE = BulkInsert(
    tracks, f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _STATE)}"
)
_FIND_DIGESTS = select(tracks.c.digest, tracks.c.definition_id).where(is_any(tracks.c.digest, "digests"))
_NAME_DEFINITION = update(tracks).where(tracks.c.id == bindparam("track_id"))
_LOCK = select(tracks).where(is_any(tracks.c.digest, "digests")).order_by(tracks.c.id).with_for_update()
_FIND = select(tracks).where(is_any(tracks.c.id, "ids"))
_FIND_SILENT = (
    select(tracks.c.id)
    .where(
        tracks.c.color == Color.RED,
        tracks.c.last_at < bindparam("before", type_=UtcDateTime),
        tracks.c.id > bindparam("beyond"),
    )
    .order_by(tracks.c.id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, kw_only=True)
class StoredTrack:
    """A track and its state.

    newest_pipeline   the highest pipeline number of its runs; of those that are not grey, ``colored_pipeline``
    """

    digest: UUID
    track: Track
    newest_pipeline: int | None
    colored_pipeline: int | None
    state: TrackState


def digest_of(event: Event) -> UUID:
    """Return the digest of an event's track, the same for each of its runs."""
    definition = event.pipeline.definition_id
    return uuid5(_DIGESTS, repr((*_names_of(event), definition))) if definition else _digest_without_definition(event)


def _digest_without_definition(event: Event) -> UUID:
    return uuid5(_DIGESTS, repr(_names_of(event)))


def _names_of(event: Event) -> tuple[str | None, ...]:
    return (event.project.id or event.project.slug, event.workflow.name, branch_of(event))


def branch_of(event: Event) -> str | None:
    """Return the branch of an event's track; None if its run stands alone."""
    return event.branch if event.tag is None and event.pipeline.number is not None else None


def lock(transaction: Transaction, wanted: Mapping[UUID, Event]) -> dict[UUID, StoredTrack]:
    """Return tracks by their digests, and hold them until the transaction ends.

    wanted   an event of each; a track without a row gets one

    A track of a release that did not read definitions becomes that of the first definition named for it, and keeps its
    digest: posts that name none are told of there too, and by that release.

    Two workers do not wait for each other crosswise: new rows come first, in the order of their digests, and no row is
    locked before that. Then all are locked, in the order of their ids. The exception is a second round, for a track
    that another worker gave to another definition meanwhile: that happens once in its life.
    """
    digests = _digests_of_rows(transaction, wanted)
    rows = transaction.execute(_LOCK, {"digests": list(set(digests.values()))}).mappings()
    stored = {row["digest"]: to_stored(row) for row in rows}
    found: dict[UUID, StoredTrack] = {}
    for wanted_digest, digest in digests.items():
        definition = wanted[wanted_digest].pipeline.definition_id
        if definition and stored[digest].track.definition_id is None:
            stored[digest] = _with_definition(transaction, stored[digest], definition)
        if not definition or stored[digest].track.definition_id == definition:
            found[wanted_digest] = stored[digest]
    others = {digest: event for digest, event in wanted.items() if digest not in found}
    return found | lock(transaction, others) if others else found


def _digests_of_rows(transaction: Transaction, wanted: Mapping[UUID, Event]) -> dict[UUID, UUID]:
    """Return the digests of the rows of tracks; add those that are missing."""
    without = {digest: _digest_without_definition(event) for digest, event in wanted.items()}
    rows = transaction.execute(_FIND_DIGESTS, {"digests": list({*wanted, *without.values()})})
    there: dict[UUID, str | None] = {row.digest: row.definition_id for row in rows}
    digests = {digest: digest for digest in wanted}
    for digest in sorted(wanted.keys() - there.keys()):
        definition = wanted[digest].pipeline.definition_id
        if there.get(without[digest], "") in {None, definition}:
            digests[digest] = without[digest]
    missing = sorted(set(digests.values()) - there.keys())
    _INSERT(transaction, [_new_row(digest, wanted[digest]) for digest in missing])
    return digests


def _with_definition(transaction: Transaction, stored: StoredTrack, definition: str) -> StoredTrack:
    named = _NAME_DEFINITION.values(definition_id=definition)
    transaction.execute(named, {"track_id": stored.track.id})
    return replace(stored, track=replace(stored.track, definition_id=definition))


def _new_row(digest: UUID, event: Event) -> dict[str, object]:
    return dict.fromkeys(_NEW_COLUMNS) | {
        "digest": digest,
        "project_id": event.project.id,
        "project_slug": names.cut_for_index(event.project.slug),
        "project_name": names.cut_for_index(event.project_name),
        "workflow": event.workflow.name,
        "branch": names.cut_for_index(branch_of(event), MAX_BRANCH_CHARACTERS),
        "definition_id": event.pipeline.definition_id or "",
        "streak": 0,
    }


def find_silent(transaction: Transaction, *, before: datetime, beyond: int, limit: int) -> list[int]:
    """Return the ids of tracks that are red and had no run since a time, in order.

    beyond   only ids higher than this
    """
    return list(transaction.execute(_FIND_SILENT, {"before": before, "beyond": beyond, "limit": limit}).scalars())


def lock_all(transaction: Transaction, track_ids: Collection[int]) -> list[StoredTrack]:
    """Lock these tracks in the order of their ids, and return them."""
    locking = select(tracks).where(tracks.c.id.in_(track_ids)).order_by(tracks.c.id).with_for_update()
    return [to_stored(row) for row in transaction.execute(locking).mappings()]


def put_states(transaction: Transaction, changed: Sequence[StoredTrack]) -> None:
    """Store the states of tracks."""
    _UPDATE(transaction, [_row(one) for one in sorted(changed, key=lambda one: one.track.id)])


def apply_settings(transaction: Transaction, projects: ProjectRules) -> None:
    """Give tracks what roundsman.yaml says of their projects by now."""
    of_projects = select(tracks.c.project_slug, tracks.c.project_name, tracks.c.own_default, tracks.c.expire_s)
    if not projects.rules:
        of_projects = of_projects.where(or_(tracks.c.own_default.is_not(None), tracks.c.expire_s.is_not(None)))
    for slug, name, own_default, expire_s in transaction.execute(of_projects.distinct()).all():
        bare = Track(id=0, project_id=None, project_slug=slug, project_name=name, workflow=None, branch=None)
        wanted = projects.applied_to(bare)
        if (wanted.own_default, wanted.expire_s) != (own_default, expire_s):
            theirs = (
                tracks.c.project_slug.is_not_distinct_from(slug),
                tracks.c.project_name.is_not_distinct_from(name),
            )
            new = {"own_default": wanted.own_default, "expire_s": wanted.expire_s}
            transaction.execute(update(tracks).where(*theirs).values(**new))


def find_all(transaction: Transaction, track_ids: Collection[int]) -> dict[int, StoredTrack]:
    """Return these tracks by their ids."""
    found = transaction.execute(_FIND, {"ids": list(track_ids)})
    return {row["id"]: to_stored(row) for row in plain_rows(found)}


def _row(one: StoredTrack) -> dict[str, object]:
    return {
        "digest": one.digest,
        "newest_pipeline": one.newest_pipeline,
        "colored_pipeline": one.colored_pipeline,
        **vars(one.track),
        **vars(one.state),
    }


def to_stored(row: Row) -> StoredTrack:
    """A row of ``tracks`` as a track and its state."""
    state = TrackState(
        color=Color(row["color"]) if row["color"] else None,
        streak=row["streak"],
        since=row["since"],
        incident_id=row["incident_id"],
        last_at=row["last_at"],
    )
    return StoredTrack(
        digest=row["digest"],
        track=Track(**{name: row[name] for name in NAMES}),
        newest_pipeline=row["newest_pipeline"],
        colored_pipeline=row["colored_pipeline"],
        state=state,
    )


def without_incident(one: StoredTrack) -> StoredTrack:
    """Return a track whose incident has expired: its color is unknown."""
    return replace(one, state=TrackState(last_at=one.state.last_at))
