"""Settings of projects, under ``projects:`` of roundsman.yaml."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class ProjectRule:
    """The settings of the projects that a pattern fits; None: not given.

    pattern         a glob of slugs, or of organization and name
    default_branch  the branch whose state matters most
    expire          a red branch without a run for this long is no longer red
    rerun_wait      news of a red run wait for this long for an automatic rerun; zero: not at all
    reconcile       webhooks that never came are looked for
    holds           workflows that wait for an approval are looked for
    """

    pattern: str
    default_branch: str | None = None
    expire: timedelta | None = None
    rerun_wait: timedelta | None = None
    reconcile: bool | None = None
    holds: bool | None = None
