"""Names of tracks whose project was renamed: they all take the newest ones."""

from collections.abc import Iterable

from sqlalchemy import func, or_, select, update

from service.db.tables import Transaction, tracks
from service.model import Event, Track, Via
from service.store.search import names


def follow_renames(transaction: Transaction, posted: Iterable[tuple[Track, Event]]) -> None:
    """Give the tracks of renamed projects the names of their newest webhooks.

    Only webhooks count: what was asked for may spell a name in another way, and each look would rename it back.

    posted   tracks as they were, each with an event of it that is on record
    """
    newest: dict[str, Event] = {}
    for track, event in posted:
        project, other = event.project.id, newest.get(event.project.id or "")
        is_renamed = _names_of(event) != (track.project_slug, track.project_name)
        is_named = event.via is Via.WEBHOOK and event.project.slug and event.project.name
        if project and is_named and is_renamed:
            newest[project] = event if other is None else max(event, other, key=lambda one: one.happened_at)
    for project, event in sorted(newest.items()):
        _rename(transaction, project, event)


def _rename(transaction: Transaction, project_id: str, event: Event) -> None:
    theirs = tracks.c.project_id == project_id
    last_at = transaction.execute(select(func.max(tracks.c.last_at)).where(theirs)).scalar()
    if last_at is not None and last_at > (event.workflow.stopped_at or event.happened_at):
        return  # an old post again: a newer one knows the name
    slug, name = _names_of(event)
    differs = or_(tracks.c.project_slug.is_distinct_from(slug), tracks.c.project_name.is_distinct_from(name))
    # rows that another transaction holds are left to their next run: to wait for them here could be a deadlock
    free = select(tracks.c.id).where(theirs, differs).with_for_update(skip_locked=True)
    transaction.execute(update(tracks).where(tracks.c.id.in_(free)).values(project_slug=slug, project_name=name))


def _names_of(event: Event) -> tuple[str | None, str | None]:
    return names.cut_for_index(event.project.slug), names.cut_for_index(event.project_name)
