"""Spellings of the slugs of projects that are known by ids.

They are those of the GitHub App and of GitLab. Each id is a UUID; webhooks and most answers of the API write it in base
58. CircleCI does not document that, so it serves to compare slugs alone: none that is worked out is asked for.
"""

import re
from uuid import UUID

OPAQUE = "circleci/"
LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORT = re.compile(f"[{LETTERS}]{{21,22}}")


def opaque_spellings(slug: str) -> tuple[str, ...]:
    """Return the spelling in letters and that with UUIDs; any other slug as it is."""
    if not slug.startswith(OPAQUE):
        return (slug,)
    ids = [_read(part) for part in slug.removeprefix(OPAQUE).split("/")]
    if len(ids) != 2 or None in ids:
        return (slug,)
    known = [one for one in ids if one is not None]
    return (OPAQUE + "/".join(map(_letters, known)), OPAQUE + "/".join(map(str, known)))


def _read(text: str) -> UUID | None:
    if _UUID.fullmatch(text):
        return UUID(text)
    if not _SHORT.fullmatch(text):
        return None
    number = 0
    for letter in text:
        number = number * 58 + LETTERS.index(letter)
    return UUID(int=number) if number < 2**128 else None


def _letters(id_: UUID) -> str:
    number, found = id_.int, ""
    while number:
        number, rest = divmod(number, 58)
        found = LETTERS[rest] + found
    return found
