"""Living messages: one for each incident and channel, edited as it goes on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.model.tracks import Color


class Update(StrEnum):
    """The way in which a living message hears of something."""

    POST = "post"  # it appears, or is brought up to date
    REPLY = "reply"  # it is brought up to date, and a reply in its thread says so
    REMIND = "remind"  # the same, and the reply is shown in the channel too
    EDIT = "edit"  # it is brought up to date if it is there


@dataclass(frozen=True, kw_only=True)
class LivingMessage:
    """The message of an incident in one channel of Slack.

    color          the color that it shows now; None: it is not posted yet
    slack_channel  Slack's id of the channel, and ``ts`` that of the message in it; None: it is not posted yet
    unsure_since   the begin of the first attempt that may have posted something without our knowledge
    """

    incident_id: UUID
    channel_key: str
    color: Color | None = None
    slack_channel: str | None = None
    ts: str | None = None
    unsure_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A channel that has the message of an incident, and the route that told it."""

    incident_id: UUID
    channel_key: str
    route: str
    receiver: str


class LivingReceipt(str):
    """A receipt, with the living message as it is now."""

    __slots__ = ("living",)
    living: LivingMessage

    def __new__(cls, sentence: str, living: LivingMessage) -> "LivingReceipt":
        """Return the sentence as a receipt."""
        receipt = super().__new__(cls, sentence)
        receipt.living = living
        return receipt
