"""Questions to CircleCI that find webhooks which never came."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

MAX_BEHIND_S = 120.0


class Urgency(IntEnum):
    """The order in which pipelines are asked for; the budget may end before the last."""

    SPAN = 0  # a span of the OpenTelemetry exporter tells of it, and no webhook does
    UNKNOWN = 1  # no run of it is on record, or not what it came to
    UNFINISHED = 2  # it had not ended when it was asked for last
    CHECK = 3  # what is on record seems whole: it is made sure of while the budget lasts


@dataclass(frozen=True, kw_only=True)
class PipelineToAsk:
    """A pipeline whose workflows are to be compared with what is on record.

    due_at     not before that time; None: it needs no more looks
    looks      the number of times that it was asked for
    looked_at  the last of these times
    """

    id: str
    project_id: str
    slug: str
    created_at: datetime
    urgency: Urgency
    due_at: datetime | None
    looks: int = 0
    looked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A list of the new pipelines of some projects, read page by page.

    projects   their slugs by id
    cursor     the page to go on with; None: the first one
    new_since  what was created before it is listed once more; None: nothing is
    """

    id: UUID
    projects: dict[str, str]
    since: datetime
    until: datetime
    new_since: datetime | None = None
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class BackfillState:
    """A backfill of one project, as far as it has come.

    cursor      the page to go on with; None: the first one
    done_until  all pipelines that were created after it have been asked for
    asked       the number of pipelines asked for
    found       the number of posts that were missed and are added
    """

    slug: str
    since: datetime
    until: datetime
    done_until: datetime
    cursor: str | None = None
    asked: int = 0
    found: int = 0
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookGaps:
    """The reliability of CircleCI's webhooks of completed workflows, over a day.

    runs       the runs on record that ended in that time
    missed     those of them that are known from the API alone
    late       those whose webhook came after the API had told of them
    delay_s    of the newest webhooks, from the end of a workflow to the receipt: the median; None: there are none
    delay_95_s the same, of which 5 in 100 took longer
    waiting    pipelines that are due to be asked for
    behind_s   the time by which the one that has waited longest is overdue
    checked_until  every project's pipelines were listed up to this time; None: none was
    """

    runs: int
    missed: int
    late: int
    delay_s: float | None
    delay_95_s: float | None
    waiting: int
    behind_s: float
    checked_until: datetime | None

    @property
    def is_behind(self) -> bool:
        """True if missed webhooks are found later than within five minutes."""
        return self.behind_s >= MAX_BEHIND_S

    @property
    def rate(self) -> float:
        """Return the share of runs whose webhook did not come, or came late."""
        return (self.missed + self.late) / self.runs if self.runs else 0.0
