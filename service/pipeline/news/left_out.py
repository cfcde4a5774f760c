"""Channels of a matched route that are left out: good news must open no incident."""

from collections.abc import Sequence
from dataclasses import replace

from service.channels import gets_no_good_news
from service.channels.incident_services import NO_FAILURE
from service.message.status_text import severity
from service.model import Channel, Decision, Event


def is_good_news(event: Event) -> bool:
    """Tell whether nothing has failed."""
    return severity(event.status) in NO_FAILURE


def left_out(channels: Sequence[Channel], event: Event) -> list[Channel]:
    """Return the channels that get no message of an event, as it is good news."""
    return [channel for channel in channels if gets_no_good_news(channel, severity(event.status))]


def with_left_out(decision: Decision, excluded: Sequence[Channel], *, of: Sequence[Channel]) -> Decision:
    """Add the remarks on the channels that are left out to the decision's reason."""
    return replace(decision, reason="; ".join([decision.reason, *remarks_on(excluded, of=of)]))


def remarks_on(excluded: Sequence[Channel], *, of: Sequence[Channel]) -> list[str]:
    """Return remarks that name the channels left out, and say so if they are all.

    of   all channels of the receiver
    """
    remarks = [f"{channel.label} opens incidents and gets no good news" for channel in excluded]
    return [*remarks, "so no channel is told"] if excluded and len(excluded) == len(of) else remarks
