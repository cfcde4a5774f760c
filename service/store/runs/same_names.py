"""Tracks with the same names, by other pipeline definitions of one project.

A project may have several pipeline definitions, and two of them a workflow of one name.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, select

from service.db.columns import is_any
from service.db.tables import Transaction, tracks
from service.model import Event

# built once: that takes longer than to run them
_OTHER = tracks.alias("other")
_DEFINITIONS = (
    select(tracks.c.id, tracks.c.definition_id)
    .join(_OTHER, (_OTHER.c.project_slug == tracks.c.project_slug) & (_OTHER.c.branch == tracks.c.branch))
    .where(
        is_any(tracks.c.id, "ids"),
        tracks.c.definition_id != "",
        _OTHER.c.id != tracks.c.id,
        _OTHER.c.workflow.is_not_distinct_from(tracks.c.workflow),
    )
    .distinct()
)
_ANOTHER = (
    select(tracks.c.id)
    .where(
        tracks.c.project_slug == bindparam("slug"),
        tracks.c.branch == bindparam("branch"),
        tracks.c.workflow.is_not_distinct_from(bindparam("workflow")),
        tracks.c.definition_id.is_distinct_from(bindparam("definition")),
    )
    .limit(1)
)


def definitions_of(transaction: Transaction, track_ids: Collection[int]) -> Mapping[int, str]:
    """Return the definitions of those of these tracks that are not the only such one.

    One that names no definition is left out: it is told apart by that.
    """
    if not track_ids:
        return {}
    found = transaction.execute(_DEFINITIONS, {"ids": list(track_ids)})
    return {row.id: row.definition_id for row in found}


def definition_of(transaction: Transaction, event: Event) -> str | None:
    """Return the definition of an event if another track has the same names."""
    definition = event.pipeline.definition_id
    if not definition or not event.project.slug or not event.branch:
        return None
    names = {"slug": event.project.slug, "branch": event.branch, "workflow": event.workflow.name}
    return definition if transaction.execute(_ANOTHER, {**names, "definition": definition}).first() else None
