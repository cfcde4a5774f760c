"""Refused posts, and the hooks that may have sent them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A post that was refused, one of the last few on record.

    reason       the reason, as the end of a sentence without its full stop
    next_step    the step that would solve it; None where there is none to recommend
    address      the IP address of the sender
    hook_id      the hook that a post names as its sender: unproven, since the post is not signed
    count        the number of posts refused for the same reason; the record shows the last of them, and the last hook
                 that one of them named
    """

    at: datetime
    status: int
    reason: str
    next_step: str | None = None
    address: str | None = None
    user_agent: str | None = None
    hook_id: str | None = None
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class KnownHook:
    """A hook at CircleCI that posts to our address.

    seen_at   the time when `hooks list`, `plan` or `apply` last saw it
    """

    id: str
    project: str
    name: str
    seen_at: datetime
