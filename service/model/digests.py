"""Digests: summaries of what was built, at set times."""

from dataclasses import dataclass

from service.model.routes import Matcher


@dataclass(frozen=True, kw_only=True)
class Digest:
    """A summary for a receiver, at the times of a cron expression in a time zone.

    matchers      of the runs that it tells of
    skips_empty   nothing is sent if nothing was red
    """

    name: str
    cron: str
    receiver: str
    timezone: str = "UTC"
    matchers: tuple[Matcher, ...] = ()
    skips_empty: bool = False
