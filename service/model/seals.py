"""Seals of the audit chain."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Seal:
    """A link of the audit chain: a hash of new rows and of the seal before.

    covered_until   rows with earlier times are sealed, by this one or one before
    """

    number: int
    hash: str
    sealed_at: datetime
    covered_until: datetime


@dataclass(frozen=True, kw_only=True)
class SealCopies:
    """The places where seals are kept outside of the database.

    receiver   it is sent the newest seal every so many seconds; None: no one is
    file       the newest seal is appended to it once a minute; None: there is no file
    """

    receiver: str | None = None
    every_s: int = 86_400
    file: Path | None = None
