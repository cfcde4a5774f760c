"""Lenient readers of the fields of CircleCI's JSON.

A field of the wrong type counts as absent and is never an error. CircleCI calls its maps open ("Outbound webhooks
reference") and its documents disagree on details, so we read the fields that we know and ignore the others.
"""

import json
import math
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from service.circleci.times import read_time
from service.text import clean

MAX_CHARACTERS = 500  # four bytes each at worst: one entry of a Postgres index holds 2,704 bytes
MAX_PROSE_CHARACTERS = 2_000
MAX_TOKEN_CHARACTERS = 8_000
MAX_NUMBER_CHARACTERS = 100
MAX_NUMBER = 2**63 - 1


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the bytes.

    Raises ValueError with the end of a sentence about them, such as "is not JSON that we can read".
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON that we can read") from error

    if not isinstance(value, dict):
        raise ValueError("is JSON, but not an object")  # noqa: TRY004 - one kind of error for callers to turn into words
    return value


def read_text(value: object, most: int = MAX_CHARACTERS) -> str | None:
    """Return a text without outer blanks, cut to ``most`` characters; None if empty."""
    if not isinstance(value, str):
        return None
    return clean(value.strip()[:most]) or None


def read_prose(value: object) -> str | None:
    """Return a longer text, such as the message of a failed test."""
    return read_text(value, MAX_PROSE_CHARACTERS)


def read_number(value: object) -> int | None:
    """Return a number that fits a database; CircleCI also writes numbers as strings."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_NUMBER else None


def read_seconds(value: object) -> float | None:
    """Return a duration in seconds, given as a number or a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > MAX_NUMBER_CHARACTERS:
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def read_token(value: object) -> str | None:
    """Return an opaque text, which must be sent back unchanged."""
    return read_text(value, MAX_TOKEN_CHARACTERS)


def read_list(value: object) -> list[object]:
    """Return a list; for any other value an empty one."""
    return value if isinstance(value, list) else []


def read_maps(value: object) -> list[dict[str, Any]]:
    """Return the maps in a list."""
    return [item for item in read_list(value) if isinstance(item, dict)]


def read_texts(value: object) -> list[str]:
    """Return the texts in a list."""
    return [text for text in map(read_text, read_list(value)) if text]


def read_flag(value: object) -> bool:
    """Return True for true; False for any other value, or none."""
    return value is True


def read_presence(value: object) -> bool:
    """Return True for any value but null and an empty text."""
    return value is not None and value != ""


Text = Annotated[str | None, BeforeValidator(read_text)]
Prose = Annotated[str | None, BeforeValidator(read_prose)]
Token = Annotated[str | None, BeforeValidator(read_token)]
Texts = Annotated[tuple[str, ...], BeforeValidator(read_texts)]
Flag = Annotated[bool, BeforeValidator(read_flag)]
IsSet = Annotated[bool, BeforeValidator(read_presence)]
Number = Annotated[int | None, BeforeValidator(read_number)]
Seconds = Annotated[float | None, BeforeValidator(read_seconds)]
Time = Annotated[datetime | None, BeforeValidator(read_time)]


class Shape(BaseModel):
    """A map of CircleCI's JSON.

    Keys may have hyphens or underscores; unknown ones are ignored. A value that is no map is read as an empty map.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        # The specification says created-at where the real service says created_at, and the like: both are right.
        if not isinstance(value, dict):
            return {}
        return {key.replace("-", "_"): item for key, item in value.items()} if "-" in "".join(value) else value
