"""Silences: operators' orders that no message of some news is sent for a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from service.model.routes import Matcher

MAX_SILENCE = timedelta(days=30)
"""The longest time from the begin to the end of a silence."""


class SilenceState(StrEnum):
    """The state of a silence: pending before its begin, then active, then expired."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Silence:
    """An order that no message is sent of the events that all its matchers fit.

    matchers     as of a route, except that one without ``event`` fits jobs and workflows
    ends_at      it ends by itself then; an operator who expires it makes this earlier
    who          the operator who set it
    expired_by   the operator who ended it early
    """

    id: UUID
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    who: str
    comment: str
    created_at: datetime
    expired_by: str | None = None

    def state(self, now: datetime) -> SilenceState:
        """Return its state at a time."""
        if now >= self.ends_at:
            return SilenceState.EXPIRED
        return SilenceState.PENDING if now < self.starts_at else SilenceState.ACTIVE
