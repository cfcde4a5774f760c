"""Parse an answer's JSON within limits of depth and size.

Pure, so that it may run in a thread.
"""

from typing import Any

from service.circleci.json_fields import read_object

MAX_DEPTH = 64
MAX_VALUES = 500_000


class JsonTooLarge(ValueError):
    """JSON with more values or levels than we hold in memory."""


def parse(body: bytes, *, may_be_list: bool = False) -> dict[str, Any]:
    """Return the JSON object in the bytes.

    may_be_list   an array is fine too, and is returned as the ``items`` of an object

    Raises JsonTooLarge, or ValueError for bytes that are no JSON object; both with the end of a sentence about them.
    """
    if sum(map(body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:  # counted first: the parser cannot be stopped
        raise JsonTooLarge(f"holds more than {MAX_VALUES:,} values")
    value = _read_object(body, may_be_list=may_be_list)
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return value
    raise JsonTooLarge(f"is nested deeper than {MAX_DEPTH} levels")


def _read_object(body: bytes, *, may_be_list: bool) -> dict[str, Any]:
    is_list = may_be_list and body.lstrip()[:1] == b"["
    return read_object(b'{"items": %b}' % body if is_list else body)


def _children(parent: object) -> list[object]:
    return list(parent.values()) if isinstance(parent, dict) else parent if isinstance(parent, list) else []
