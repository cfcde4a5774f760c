"""What is known of posts that were refused, and of the hooks that may have sent them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A post that was refused, as one of the last few on record, and those like it.

    reason       why, as a phrase without its end
    next_step    what mends it; None where nothing can be said
    address      the IP address that it came from
    hook_id      the hook that it says it is from: unproven, since the post is not signed
    count        posts that it stands for: the last of them is shown, the others were refused for the same reason
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
    """A hook at CircleCI that posts to our address, as `hooks list`, `plan` or `apply` last saw it."""

    id: str
    project: str
    name: str
    seen_at: datetime
