"""An answer's JSON, read within limits of depth and of values. Pure, so that it may run in a thread."""

from typing import Any

from service.circleci.json_fields import read_object

MAX_DEPTH = 64
MAX_VALUES = 500_000


class JsonTooLarge(ValueError):
    """JSON that is more than we are willing to hold."""


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object that the bytes are.

    Raises JsonTooLarge, or ValueError for what is no such thing, with the end of a sentence that begins with its name.
    """
    if sum(map(body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:  # counted before: a parser cannot be stopped
        raise JsonTooLarge(f"holds more than {MAX_VALUES:,} values")
    value = read_object(body)
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return value
    raise JsonTooLarge(f"is nested deeper than {MAX_DEPTH} levels")


def _children(parent: object) -> list[object]:
    return list(parent.values()) if isinstance(parent, dict) else parent if isinstance(parent, list) else []
