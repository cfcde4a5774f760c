"""The page of incidents: each with how long it was red, of what, and who had it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from service.db.tables import Transaction
from service.operations.incidents.incidents import CLOSED, OPEN, is_muted, list_incidents
from service.operations.json_shapes import Json
from service.operations.overviews.now import commit_json, events_of, fails_json, failures_of
from service.operations.row_counts import read_page
from service.operations.unknown_projects import unknown_projects
from service.store.incidents import incidents

FILTERS = ("project", "branch")
MAX_OPEN = 25
MAX_CLOSED = 15
PAGE_SIZE = 40


def read_incidents(transaction: Transaction, given: Mapping[str, str], now: datetime) -> Json:
    """Return incidents: one page of a state, or the newest of both.

    The shape: ``open`` and ``closed``, each with ``items`` and ``next``; null for a state that was not asked for.
    ``hints`` has a sentence for a project without runs. Raises BadRequest.

    given   ``project``, ``branch``, ``state``, and with a state ``cursor``
    """
    state = given.get("state")
    filters = {name: [given[name]] for name in FILTERS if name in given}
    found: Json = {}
    for one, limit in ((OPEN, MAX_OPEN), (CLOSED, MAX_CLOSED)):
        if state in {None, one}:
            asked, cursor = {**filters, "state": [one]}, given.get("cursor") if state else None
            read = partial(_list, transaction, asked, cursor)
            found[one] = read_page(read, PAGE_SIZE if state else limit, _names)
    if state is not None and not found:
        list_incidents(transaction, {"state": [state]}, limit=1)  # raises BadRequest: there is no such state
    for page in found.values():
        page["items"] = _with_facts(transaction, page["items"], now)
    is_empty = not any(page["items"] for page in found.values())
    hints = unknown_projects(transaction, filters.get("project", ())) if is_empty else []
    return {OPEN: found.get(OPEN), CLOSED: found.get(CLOSED), "hints": hints}


def _list(transaction: Transaction, asked: Mapping[str, Sequence[str]], cursor: str | None, limit: int) -> Json:
    return list_incidents(transaction, asked, limit=limit, cursor=cursor)


def _names(page: Json) -> Iterator[str | None]:
    for one in page["items"]:
        taken = one["taken"] or {}
        yield from (one["project"], one["branch"], one["workflow"], taken.get("by"), taken.get("note"))


def _with_facts(transaction: Transaction, shapes: Sequence[Json], now: datetime) -> list[Json]:
    """Return incidents with failures, the commits that broke and fixed them, times."""
    known = incidents.find_all(transaction, {UUID(one["id"]) for one in shapes})
    reds = {one.last_red for one in known.values()}
    ends = {one.closed_by for one in known.values() if one.closed_by}
    builds = events_of(transaction, reds | ends | {one.opened_by for one in known.values()})
    failures = failures_of(transaction, reds, builds)
    items = []
    for shape in shapes:
        one = known[UUID(shape["id"])]
        opener, newest = builds.get(one.opened_by), builds.get(one.last_red)
        end = builds.get(one.closed_by) if one.closed_by else None
        items.append(
            shape
            | {
                "is_muted": is_muted(shape, now),
                "red_for_s": round(((one.closed_at or now) - one.opened_at).total_seconds()),
                "fails": fails_json(failures.get(one.last_red, ())),
                "broke_with": commit_json(opener) if opener else None,
                "fixed_with": commit_json(end) if end else None,
                "newest_event": str(newest.id) if newest else None,
            }
        )
    return items
