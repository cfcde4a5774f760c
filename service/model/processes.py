"""Processes of ours, and the parts that they take."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid4


class Role(StrEnum):
    """The part that a process takes, named after the command that starts it."""

    SERVE = "serve"  # all there is to do
    WEB = "web"
    WORKER = "worker"

    @property
    def receives(self) -> bool:
        """Posts of CircleCI come in here, and pages are shown."""
        return self is not Role.WORKER


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process for as long as it lives; ``channels`` is a fingerprint of those it goes by, if it sends."""

    role: Role
    id: UUID = field(default_factory=uuid4)
    channels: str | None = None
