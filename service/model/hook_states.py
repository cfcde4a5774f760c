"""The state of a project's hook, as it was last written and last looked at."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class HookState:
    """The hook of one project, by the short spelling of its slug.

    fingerprint    that of the secret which was sent to it last; None: not by us
    applied_at     the time when it read back with a secret; ``confirmed_at`` when a delivery was seen that it signed
    verify_tls     as it was when it was applied, or first seen
    drift          its difference from roundsman.yaml, as the end of a sentence; None: none
    silence        the reason why it is silent, though its project builds; None: it is not
    looked_at      the time when it was last compared
    """

    project: str
    hook_id: str | None = None
    fingerprint: str | None = None
    applied_at: datetime | None = None
    confirmed_at: datetime | None = None
    verify_tls: bool | None = None
    drift: str | None = None
    silence: str | None = None
    looked_at: datetime | None = None

    @property
    def is_waiting(self) -> bool:
        """True if it was applied, and no delivery has confirmed it yet."""
        return self.applied_at is not None and self.confirmed_at is None


@dataclass(frozen=True, kw_only=True)
class SecretUse:
    """The last delivery of a project that a secret signed.

    project       the short spelling of its slug; empty: not known
    fingerprint   of the secret; empty: no delivery came, and the run was found by asking
    """

    project: str
    fingerprint: str
    last_at: datetime
