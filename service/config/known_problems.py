"""Known problems, under ``known_problems:`` of roundsman.yaml."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from pydantic import Field, field_validator, model_validator

from service.config.shapes import Shape
from service.errors import BadRequest
from service.model import FROM_FILE, KnownProblem

MIN_PATTERN = 4
_FINGERPRINT = re.compile("[0-9a-f]{8,64}")
_IDS = UUID("0b0f5a0e-52a4-5d2a-8a6f-5b6a1f1f6f5e")
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class KnownProblemShape(Shape):
    """A failure whose cause is known."""

    pattern: str | None = Field(default=None, min_length=1)
    fingerprint: str | None = Field(default=None, min_length=1)
    title: str = Field(min_length=1)
    link: str | None = Field(default=None, min_length=1)
    owner: str | None = Field(default=None, min_length=1)
    until: datetime | None = None
    mute: bool = False

    @field_validator("until", mode="before")
    @classmethod
    def _read_until(cls, written: object) -> object:
        try:
            day = date.fromisoformat(str(written))
        except ValueError:
            raise ValueError(f"{written} is not a day; write it as 2027-03-01") from None
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            check_problem(pattern=self.pattern, fingerprint=self.fingerprint, link=self.link)
        except BadRequest as error:
            raise ValueError(f"is not right: {error}") from None
        return self


def check_problem(*, pattern: str | None, fingerprint: str | None, link: str | None) -> None:
    """Raise BadRequest unless a known problem can be found and followed."""
    if (pattern is None) == (fingerprint is None):
        raise BadRequest("a known problem has a pattern or a fingerprint, one of the two")
    if pattern is not None and len(pattern.replace("*", "").replace("?", "").strip()) < MIN_PATTERN:
        raise BadRequest(f"pattern needs {MIN_PATTERN} characters beside wildcards: this one would match anything")
    if fingerprint is not None and not _FINGERPRINT.fullmatch(fingerprint):
        raise BadRequest("fingerprint must be that of a failure, or its first 8 hexadecimal digits or more")
    if link is not None and not _is_web_address(link):
        raise BadRequest("link must be an address that begins with https:// or http://")


def _is_web_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:  # such as brackets that enclose no address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def to_problems(shapes: Iterable[KnownProblemShape]) -> tuple[KnownProblem, ...]:
    """Return the known problems of the file.

    The id of each stays while its pattern or fingerprint does.
    """
    return tuple(
        KnownProblem(
            id=uuid5(_IDS, repr((shape.pattern, shape.fingerprint))),
            title=shape.title,
            added_by=FROM_FILE,
            created_at=_ALWAYS,
            pattern=shape.pattern,
            fingerprint=shape.fingerprint,
            link=shape.link,
            owner=shape.owner,
            until=shape.until,
            is_muted=shape.mute,
        )
        for shape in shapes
    )
