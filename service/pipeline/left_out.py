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
    """Name the channels that are left out in the reason, and say so if they are all.

    of   all channels of the decision's receiver
    """
    if not excluded:
        return decision
    reasons = [f"{channel.label} opens incidents and gets no good news" for channel in excluded]
    if len(excluded) == len(of):
        reasons.append("so no channel is told")
    return replace(decision, reason="; ".join([decision.reason, *reasons]))
