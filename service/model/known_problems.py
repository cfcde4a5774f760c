"""Known problems: failures whose cause is known, with a ticket and a person."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

FROM_FILE = "roundsman.yaml"


@dataclass(frozen=True, kw_only=True)
class KnownProblem:
    """A failure whose cause is known.

    pattern      found anywhere in the text of a failure; * and ? are wildcards, and case counts
    fingerprint  of the failure, or its first digits; a problem has either of the two
    link         the ticket's address
    owner        who takes care of it
    until        it counts as closed from then on; None: until a person closes it
    is_muted     a run that failed of muted problems alone is not told
    added_by     who added it; FROM_FILE for one of roundsman.yaml
    reopened_at  the time at which a failure matched it after it was closed
    """

    id: UUID
    title: str
    added_by: str
    created_at: datetime
    pattern: str | None = None
    fingerprint: str | None = None
    link: str | None = None
    owner: str | None = None
    until: datetime | None = None
    is_muted: bool = False
    closed_at: datetime | None = None
    closed_by: str | None = None
    reopened_at: datetime | None = None

    @property
    def is_from_file(self) -> bool:
        """True for one of roundsman.yaml, which commands do not change."""
        return self.added_by == FROM_FILE

    def is_open(self, now: datetime) -> bool:
        """Return whether it is still expected to cause failures."""
        return self.closed_at is None and (self.until is None or now < self.until)
