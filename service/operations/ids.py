"""Lookup of a subject by its id, or by the first digits of its id."""

import re
from collections.abc import Collection
from enum import StrEnum
from uuid import UUID

from service.db.database import Store
from service.db.tables import deliveries, incidents, known_problems, notifications, sessions, silences
from service.errors import BadRequest, NotFound
from service.store import ids

MIN_DIGITS = 8


class Noun(StrEnum):
    """The kinds of subjects with ids that people type; an event has its delivery's id."""

    EVENT = "event"
    DELIVERY = "delivery"
    NOTIFICATION = "notification"
    SESSION = "session"
    SILENCE = "silence"
    KNOWN_PROBLEM = "known_problem"
    INCIDENT = "incident"


COLUMNS = {
    Noun.EVENT: deliveries.c.id,
    Noun.DELIVERY: deliveries.c.id,
    Noun.NOTIFICATION: notifications.c.id,
    Noun.SESSION: sessions.c.id,
    Noun.SILENCE: silences.c.id,
    Noun.KNOWN_PROBLEM: known_problems.c.id,
    Noun.INCIDENT: incidents.c.id,
}
LISTED_BY = {
    Noun.EVENT: "events list",
    Noun.DELIVERY: "dead-letters",
    Noun.NOTIFICATION: "notifications list",
    Noun.SESSION: "sessions list",
    Noun.SILENCE: "silences list --all",
    Noun.KNOWN_PROBLEM: "known-problems list --all",
    Noun.INCIDENT: "incidents list",
}


async def find(store: Store, text: str, *nouns: Noun) -> tuple[Noun, UUID]:
    """Return the kind and the id of the one subject that an id names.

    text    an id, or at least its first eight digits
    nouns   the kinds to look among
    Raises BadRequest if it is no id, or the beginning of several; NotFound if there is no such subject.
    """
    digits = text.strip().lower().replace("-", "")
    if not re.fullmatch(f"[0-9a-f]{{{MIN_DIGITS},{ids.DIGITS}}}", digits):
        example = "ids look like 3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"
        raise BadRequest(f"{text!a} is not an id; {example}, and the first {MIN_DIGITS} digits are enough")
    found = [
        (noun, one) for noun in nouns for one in await store.read(ids.find_by_prefix, COLUMNS[noun], digits, limit=2)
    ]
    if not found:
        raise NotFound(await _not_found(store, text, digits, nouns))
    if len(found) > 1:
        raise BadRequest(f"{text} is the beginning of more than one id; write more of it")
    return found[0]


async def find_id(store: Store, text: str, noun: Noun) -> UUID:
    """Return the id that a whole id or its first digits name.

    No row is looked for by a whole one. Raises BadRequest or NotFound as ``find`` does.
    """
    try:
        return UUID(text)
    except ValueError:
        return (await find(store, text, noun))[1]


async def _not_found(store: Store, text: str, digits: str, nouns: Collection[Noun]) -> str:
    """Return the sentence about an id of none of these kinds."""
    missing = f"there is no {' or '.join(nouns).replace('_', ' ')} {text}"
    searched = {COLUMNS[noun] for noun in nouns}
    for noun in Noun:
        if COLUMNS[noun] in searched:
            continue
        if len(await store.read(ids.find_by_prefix, COLUMNS[noun], digits, limit=1)) > 0:
            return f"{missing}; it is of `roundsman {LISTED_BY[noun]}`: {noun.replace('_', ' ')} {text}"
    lists = " and ".join(f"`roundsman {LISTED_BY[noun]}`" for noun in nouns)
    return f"{missing}; ids are in {lists}"
