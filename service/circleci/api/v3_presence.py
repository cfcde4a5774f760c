"""The presence of API v3: as it is set, until its addresses are missing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

TRY_AGAIN_AFTER = timedelta(days=1)


@dataclass(kw_only=True)
class V3Presence:
    """The presence of API v3 at one CircleCI.

    is_expected   by its setting, or by its address
    """

    is_expected: bool
    clock: Callable[[], datetime]
    _missed_at: datetime | None = None

    @property
    def is_there(self) -> bool:
        """True if API v3 is to be asked: once a day also where it was missing."""
        if self._missed_at is None or not self.is_expected:
            return self.is_expected
        return not timedelta() <= self.clock() - self._missed_at < TRY_AGAIN_AFTER

    def miss(self) -> None:
        """Remember that an address of API v3 is missing."""
        self._missed_at = self.clock()
