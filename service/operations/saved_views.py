"""Saved views: list, add, change and remove them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from service.db.tables import Transaction
from service.errors import BadRequest, Forbidden, NotFound
from service.model import SavedView
from service.operations.json_shapes import Json, rfc3339
from service.operations.queries import to_search
from service.store.people import saved_views
from service.text import clean

FIELDS = ("name", "query", "shared")
MAX_CHARACTERS = {"name": 60, "query": 1_000}
MAX_OWN = 50
MAX_SHARED = 50


@dataclass(frozen=True, kw_only=True)
class ViewUser:
    """A user of saved views.

    may_share   True: an operator, who shares views and changes those that others share
    """

    name: str
    may_share: bool


def list_views(transaction: Transaction, user: ViewUser) -> Json:
    """Return a user's views and the shared ones, by their names.

    The shape is ``{"items": [...], "next": None}``.
    """
    return {"items": [view_json(one, user) for one in saved_views.find_all(transaction, user.name)], "next": None}


def parse_view(asked: Mapping[str, object], user: ViewUser, now: datetime) -> SavedView:
    """Return the new view that a request asks for. Raises BadRequest or Forbidden."""
    given = parse_fields(asked, user, now)
    if missing := next((name for name in MAX_CHARACTERS if name not in given), None):
        raise BadRequest(f"{missing} is missing; a view has a name and a query such as status:failed branch:main")
    return SavedView(id=uuid4(), owner=user.name, created_at=now, **given)


def parse_fields(asked: Mapping[str, object], user: ViewUser, now: datetime) -> Json:
    """Return the fields that a request gives. Raises BadRequest or Forbidden."""
    if unknown := next((name for name in asked if name not in FIELDS), None):
        raise BadRequest(f"{unknown!a} is no field of a view; there are {', '.join(FIELDS)}")
    given: Json = {name: _text(name, asked[name]) for name in MAX_CHARACTERS if name in asked}
    if "query" in given:
        to_search({"q": given["query"]}, now, for_people=True)
    if "shared" in asked:
        if not isinstance(asked["shared"], bool):
            raise BadRequest("shared must be true or false")
        if asked["shared"] and not user.may_share:
            raise Forbidden("only an operator shares views; save it for yourself")
        given["is_shared"] = asked["shared"]
    return given


def add(transaction: Transaction, view: SavedView) -> SavedView:
    """Add a view, and return it.

    Raises BadRequest if there are too many, or its name is taken.
    """
    if saved_views.count(transaction, view.owner) >= MAX_OWN:
        raise BadRequest(f"you have {MAX_OWN} views; remove one first", status=409)
    if view.is_shared:
        _require_room(transaction)
    if not saved_views.put(transaction, view):
        raise _taken(view)
    return view


def change(transaction: Transaction, view_id: UUID, changes: Json, user: ViewUser) -> SavedView:
    """Change a view, and return it.

    Raises NotFound, Forbidden, or BadRequest as ``add`` does.
    """
    view = _require_own(transaction, view_id, user)
    changed = replace(view, **changes)
    if changed.is_shared and not view.is_shared:
        _require_room(transaction)
    if not saved_views.change(transaction, changed):
        raise _taken(changed)
    return changed


def remove(transaction: Transaction, view_id: UUID, user: ViewUser) -> SavedView:
    """Remove a view, and return it. Raises NotFound or Forbidden."""
    view = _require_own(transaction, view_id, user)
    saved_views.remove(transaction, view_id)
    return view


def find(transaction: Transaction, view_id: UUID, user: ViewUser) -> SavedView:
    """Return a view that a user may change. Raises NotFound or Forbidden."""
    return _require_own(transaction, view_id, user)


def may_change(view: SavedView, user: ViewUser) -> bool:
    """Return whether a user may change a view.

    Each user changes own views, and an operator shared ones too.
    """
    return view.owner == user.name or (view.is_shared and user.may_share)


def view_json(view: SavedView, user: ViewUser) -> Json:
    """Return the shape of a view, as a user sees it."""
    return {
        "id": str(view.id),
        "name": view.name,
        "query": view.query,
        "shared": view.is_shared,
        "owner": view.owner,
        "created_at": rfc3339(view.created_at),
        "may_change": may_change(view, user),
    }


def _require_own(transaction: Transaction, view_id: UUID, user: ViewUser) -> SavedView:
    """Return a view that a user may change.

    Raises NotFound, or Forbidden for one that others share.
    """
    view = saved_views.find(transaction, view_id)
    if view is None or not (view.is_shared or view.owner == user.name):  # that others have one is their own business
        raise NotFound(f"there is no view {view_id}; the list has those that you see")
    if not may_change(view, user):
        raise Forbidden("only an operator changes the views that others share; save it as one of your own")
    return view


def _text(name: str, written: object) -> str:
    if not isinstance(written, str):
        raise BadRequest(f"{name} must be a text")
    text = re.sub(r"\s+", " ", clean(written)).strip() if name == "name" else clean(written).strip()
    if not text:
        raise BadRequest(f"{name} is empty; a view has a name and a query such as status:failed branch:main")
    if len(text) > MAX_CHARACTERS[name]:
        raise BadRequest(f"{name} may have {MAX_CHARACTERS[name]} characters, and has {len(text)}; shorten it")
    return text


def _require_room(transaction: Transaction) -> None:
    if saved_views.count_shared(transaction) >= MAX_SHARED:
        raise BadRequest(f"there are {MAX_SHARED} shared views; remove one first", status=409)


def _taken(view: SavedView) -> BadRequest:
    where = "of yours, or a shared one," if view.is_shared else "of yours"
    return BadRequest(f"another view {where} is called {view.name!a}; choose another name", status=409)
