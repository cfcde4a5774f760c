"""Forget a person: look for the rows that name them, and blank these."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from service.db.database import Store
from service.errors import BadRequest
from service.model import Action
from service.store.audit import actions
from service.store.upkeep import forgetting
from service.store.upkeep.blanking import pattern_of
from service.store.upkeep.forgetting import Forgotten, Order

MIN_LETTERS = 3
VERB = "forget"
REASON = "a person was forgotten: {rows} rows"


async def find(store: Store, words: Sequence[str]) -> Forgotten:
    """Return what is on record of a person; nothing is changed. Raises BadRequest."""
    found, pattern = Forgotten(), pattern_of(_checked(words))
    for table in forgetting.TABLES:
        place: forgetting.Place = None
        while True:
            page, place = await store.read(forgetting.look, table, pattern, place)
            found.add(page)
            if place is None:
                break
    return found


async def forget(store: Store, words: Sequence[str], *, who: str, at: datetime) -> Forgotten:
    """Blank the fields that name a person, page by page. Raises BadRequest.

    That it was done is on record as an act, without the name.
    """
    found, order = Forgotten(), Order(pattern=pattern_of(_checked(words)), who=who, at=at)
    for table in forgetting.TABLES:
        place: forgetting.Place = None
        while True:
            page, place = await store.write_alone(forgetting.blank, table, order, place)
            found.add(page)
            if place is None:
                break
    rows = found.blanked.total() + found.deleted.total()
    if rows:
        act = Action(verb=VERB, subject_id=uuid4(), who=who, at=at, reason=REASON.format(rows=rows))
        await store.write(actions.record, act)
    return found


def to_json(found: Forgotten) -> dict[str, Any]:
    """Return what was found as JSON."""
    counts = {"blanked": found.blanked, "deleted": found.deleted, "left": found.left}
    return {
        **{name: {key: count for key, count in sorted(one.items()) if count} for name, one in counts.items()},
        "refused": found.refused,
    }


def _checked(words: Sequence[str]) -> list[str]:
    """Return the words by which a person is named. Raises BadRequest for a short one."""
    given = [word.strip() for word in words]
    short = next((word for word in given if len(word) < MIN_LETTERS), None)
    if short is not None:
        raise BadRequest(f"'{short}' is too short to name a person alone; give a login, a name or an email address")
    return given
