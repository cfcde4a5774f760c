"""Changes of the settings that guard builds, and what they are compared with."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import GuardChange, GuardSnapshot
from service.operations.json_shapes import Json, rfc3339
from service.operations.overviews.project_names import find_slug
from service.operations.queries import require_limit
from service.operations.time_filters import to_time
from service.pipeline.fetching.keep_guards import OPAQUE
from service.routing.guard_changes import NOUNS
from service.store.circleci import guards
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.runs.project_tracks import find_named
from service.text import clean

FILTERS = ("of", "since")
PAGE_SIZE = 50
LATE_AFTER = timedelta(hours=26)  # once a day, and an hourly look
MAX_CHARACTERS = 400


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The changes that are asked for.

    of   the slug or the name of a project, or the slug of an organization with its projects; None: all
    """

    of: str | None = None
    since: datetime | None = None


def to_wanted(given: Mapping[str, Sequence[str]], now: datetime) -> Wanted:
    """Return what a request asks for. Raises BadRequest."""
    if unknown := next((name for name in given if name not in FILTERS), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(FILTERS)}, limit and cursor")
    if twice := next((name for name, values in given.items() if len(values) > 1), None):
        raise BadRequest(f"{twice!a} stands twice; give it once")
    of, since = (clean(next(iter(given.get(name, ())), "").strip()) for name in FILTERS)
    if len(of) > MAX_CHARACTERS:
        raise BadRequest("of is longer than any slug; write one such as gh/acme/web or gh/acme")
    return Wanted(of=of or None, since=to_time(since, now) if since else None)


def list_changes(
    transaction: Transaction, wanted: Wanted, *, limit: int = PAGE_SIZE, cursor: str | None = None
) -> Json:
    """Return a page of changes, newest first: ``{"items": [...], "next": ...}``."""
    require_limit(limit)
    beyond, of = to_sort_key(cursor) if cursor else None, _scope(transaction, wanted.of)
    found = guards.find_changes(transaction, since=wanted.since, scope=of, beyond=beyond, limit=limit + 1)
    shown = found[:limit]
    more = to_cursor(SortKey(at=shown[-1].at, id=shown[-1].id)) if len(found) > limit else None
    return {"items": [change_json(one) for one in shown], "next": more}


def change_json(change: GuardChange) -> Json:
    """Return the shape of a change; of a variable never a value."""
    return {
        "id": str(change.id),
        "at": rfc3339(change.at),
        "of": change.scope,
        "area": change.area,
        "name": change.name,
        "kind": change.kind,
        "before": change.before,
        "after": change.after,
        "sentence": change.sentence,
    }


def show_settings(transaction: Transaction, wanted: Wanted, now: datetime, *, cursor: str | None = None) -> Json:
    """Return what the page of settings shows.

    places     the projects and organizations with changes, by the newest, each with its ``changes``
    compared   the number of those that are compared; ``late`` those of them not looked at for more than a day
    lacking    the areas that the token may not read, with the reason
    """
    page, of = list_changes(transaction, wanted, cursor=cursor), _scope(transaction, wanted.of)
    known = [one for one in guards.find_snapshots(transaction) if _is_of(one.scope, of)]
    by_scope: dict[str, list[GuardSnapshot]] = defaultdict(list)
    for one in known:
        by_scope[one.scope].append(one)
    changes: dict[str, list[Json]] = defaultdict(list)
    for change in page["items"]:
        changes[change["of"]].append(change | {"noun": NOUNS[change["area"]]})
    places = list(dict.fromkeys([*changes, *([of] if of in by_scope else [])]))
    names = _names(transaction, places)
    return {
        "places": [
            {**_place(scope, changes[scope], by_scope.get(scope, ())), "name": names.get(scope, scope)}
            for scope in places
        ],
        "next": page["next"],
        "compared": len(by_scope),
        "late": sum(now - max(one.taken_at for one in some) > LATE_AFTER for some in by_scope.values()),
        "lacking": _lacking(known),
        "scopes": sorted(by_scope)[:200],
    }


def _place(scope: str, changes: Sequence[Json], known: Sequence[GuardSnapshot]) -> Json:
    since = min((one.since for one in known if one.since), default=None)
    taken_at = max((one.taken_at for one in known), default=None)
    return {
        "of": scope,
        "is_project": scope.count("/") > 1,
        "since": rfc3339(since) if since else None,
        "taken_at": rfc3339(taken_at) if taken_at else None,
        "changes": list(changes),
    }


def _names(transaction: Transaction, scopes: Sequence[str]) -> dict[str, str]:
    """Return the names of people for slugs that are codes, as far as they are known."""
    found = find_named(transaction, [one for one in scopes if one.startswith(OPAQUE)])
    return {slug: keys[0].name for slug, keys in found.items() if keys and keys[0].name}


def _lacking(known: Sequence[GuardSnapshot]) -> list[Json]:
    """Return the areas that cannot be read, those of one reason together."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in known:
        if one.lacking is not None:
            found[one.area.value.replace("_", " "), one.lacking].append(one.scope)
    return [{"area": area, "reason": reason, "of": scopes} for (area, reason), scopes in sorted(found.items())]


def _scope(transaction: Transaction, of: str | None) -> str | None:
    """Return the slug that changes are kept by. Raises BadRequest for two projects."""
    return find_slug(transaction, of) if of else None


def _is_of(scope: str, of: str | None) -> bool:
    return of is None or scope == of or scope.startswith(f"{of}/")
