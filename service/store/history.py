"""Looking things up: builds by any filter, newest first, a page at a time by cursor."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Tuple, Uuid, and_, literal, or_, select, tuple_

from service.errors import BadRequest
from service.model import Event, EventKind, slug_spellings
from service.store.rows import to_event
from service.tables import Transaction, UtcDateTime, events


@dataclass(frozen=True, kw_only=True)
class Search:
    """What to look for; what is None does not matter.

    project       a slug, ``gh/acme/web`` or ``github/acme/web`` alike, or the project's name
    actor         login or name; ``q`` is found anywhere in names, subject, branch, tag and revision, in any case
    since, until  when it happened: from, and up to but without
    """

    project: str | None = None
    branch: str | None = None
    tag: str | None = None
    workflow: str | None = None
    job: str | None = None
    status: str | None = None
    event: EventKind | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for in particular."""
        return all(getattr(self, field.name) is None for field in fields(self))


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some events, newest first, and the cursor that leads to the ones after them."""

    items: Sequence[Event]
    next: str | None


async def search(transaction: Transaction, wanted: Search, *, limit: int, cursor: str | None = None) -> Page:
    """One page of the events that fit. Raises BadRequest for a cursor that is not one of ours."""
    found = select(events).order_by(events.c.happened_at.desc(), events.c.id.desc()).limit(limit + 1)
    found = _narrowed(found, wanted)
    if cursor:
        # a place, not a count: what comes in meanwhile shifts nothing, and the thousandth page costs no more
        found = found.where(tuple_(events.c.happened_at, events.c.id) < _place(cursor))
    rows = (await transaction.execute(found)).mappings().all()
    items = [to_event(row) for row in rows[:limit]]
    return Page(items=items, next=_cursor(items[-1]) if len(rows) > limit else None)


def _narrowed(found: Select[tuple[object]], wanted: Search) -> Select[tuple[object]]:
    for field, column in _EXACT.items():
        value = getattr(wanted, field)
        if value is not None:
            found = found.where(column == value)
    if wanted.project is not None:
        found = found.where(_is_project(wanted.project))
    if wanted.actor is not None:
        found = found.where(or_(events.c.actor_login == wanted.actor, events.c.actor_name == wanted.actor))
    if wanted.since is not None:
        found = found.where(events.c.happened_at >= wanted.since)
    if wanted.until is not None:
        found = found.where(events.c.happened_at < wanted.until)
    if wanted.q and wanted.q.strip():
        found = found.where(_mentions(wanted.q))
    return found


_EXACT = {
    "branch": events.c.branch,
    "tag": events.c.tag,
    "workflow": events.c.workflow_name,
    "job": events.c.job_name,
    "status": events.c.status,
    "event": events.c.kind,
}


def _is_project(text: str) -> ColumnElement[bool]:
    if "/" in text:
        return events.c.project_slug.in_(slug_spellings(text))
    return events.c.project_name == text


def _mentions(text: str) -> ColumnElement[bool]:
    """Every word of the text, anywhere, in any case; a word's ``%`` and ``_`` mean themselves."""
    return and_(*(events.c.haystack.contains(word, autoescape=True) for word in text.casefold().split()))


def _cursor(last: Event) -> str:
    place = f"{last.happened_at.isoformat()}|{last.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> Tuple:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        written, _, event_id = text.partition("|")
        happened_at = datetime.fromisoformat(written).astimezone(UTC)
        return tuple_(literal(happened_at, UtcDateTime), literal(UUID(event_id), Uuid))
    except (ValueError, OverflowError) as error:  # also what base64 and UTF-8 have to complain of
        raise BadRequest("this cursor is not one of ours; start again without it") from error
