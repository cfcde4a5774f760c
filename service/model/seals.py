"""Seals of the audit chain."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Seal:
    """A link of the audit chain: a hash of new rows and of the seal before.

    covered_until   rows with earlier times are sealed, by this one or one before
    """

    number: int
    hash: str
    sealed_at: datetime
    covered_until: datetime
