"""Our processes and their roles."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid4


class Role(StrEnum):
    """The work that a process does, named after the command that starts it."""

    SERVE = "serve"  # both web and worker
    WEB = "web"
    WORKER = "worker"

    @property
    def receives(self) -> bool:
        """True if the process receives CircleCI's posts and shows pages."""
        return self is not Role.WORKER


@dataclass(frozen=True, kw_only=True)
class Process:
    """A running process of Roundsman.

    channels   a fingerprint of the channels it was configured with; None if it does not send
    secrets    fingerprints of the webhook secrets that it accepts
    """

    role: Role
    id: UUID = field(default_factory=uuid4)
    channels: str | None = None
    secrets: tuple[str, ...] = ()
