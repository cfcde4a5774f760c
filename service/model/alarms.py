"""Alarms of Roundsman's own: what the operators must hear of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlarmKind(StrEnum):
    """The kinds of alarms."""

    DEAD_LETTERS = "dead_letters"
    CHANNEL_REFUSED = "channel_refused"  # a channel has accepted nothing for an hour
    CLOCK = "clock"  # a machine's clock differs from the database's
    TOKEN = "token"  # noqa: S105 - CircleCI does not accept our API token
    GAPS = "gaps"  # webhooks did not come, and were found by asking
    HOOK_DRIFT = "hook_drift"  # a hook at CircleCI differs from roundsman.yaml
    HOOK_SILENT = "hook_silent"  # a project builds, and its hook posts nothing
    TOKEN_RIGHT = "token_right"  # noqa: S105 - a token may not do what the configuration needs
    AUDIT_CHAIN = "audit_chain"  # a record does not fit its seal, or nothing is sealed


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A trouble of Roundsman's own, told once when it begins and once when it ends.

    key          names the trouble: its kind, and the channel or machine it is about
    sentence     the trouble as it was when it began, with the next step
    channel_key  the channel that it is about, which is not told of it
    seen_at      the time at which it was last found
    """

    key: str
    kind: AlarmKind
    sentence: str
    begun_at: datetime
    seen_at: datetime
    channel_key: str | None = None
