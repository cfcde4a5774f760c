"""Minimum intervals between messages to a channel, and pauses of a channel.

A service that gets messages faster answers 429, or closes the account. A channel without a documented interval gets
messages as fast as it answers, one at a time; its Retry-After is respected in any case.
"""

import re
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from service.channels.registry import service_of
from service.model import Channel

# Pauses of a channel, during which only the first of its waiting messages is tried: after a timeout, because some
# twenty hanging channels would occupy every send slot; and after a 429 without Retry-After (RATE_LIMIT_PAUSE_S).
TIMEOUT_PAUSE_S = 60.0
MIN_TIMEOUT_PAUSE_S = 10.0  # after a send that took longer than the deadline
DEADLINE_S = 30.0  # then the send's slot is free; its answer is still waited for
RATE_LIMIT_PAUSE_S = 30.0


def server_lane(channel: Channel) -> str | None:
    """Return the lane of the channel's mail server, or None if it is not mail.

    All channels of a mail server share its lane, so it gets one mail at a time: a server that hangs blocks one send,
    and a server that limits its connections never gets two.
    """
    if not service_of(channel).is_mail_server:
        return None
    return f"mail {sha256(_mail_host(channel.url).encode()).hexdigest()[:16]}"


def _mail_host(url: str) -> str:
    try:
        address = urlsplit(url)
    except ValueError:  # brackets without an IPv6 address: the URL stands for the server
        return url
    named = parse_qs(address.query).get("smtp")
    server = named[-1] if named else address.netloc.rpartition("@")[2]
    return re.sub(r":[0-9]*$", "", server.lower())


def timeout_pause_s(age_s: float) -> float:
    """Return the pause in seconds after a timeout; shorter after a long send.

    Send and pause together take about the same time in all cases.
    """
    return min(TIMEOUT_PAUSE_S, max(MIN_TIMEOUT_PAUSE_S, DEADLINE_S + TIMEOUT_PAUSE_S - age_s))


def min_interval(channel: Channel) -> timedelta:
    """Return the minimum interval between two messages; zero if none is documented."""
    pace = service_of(channel).pace
    return pace.interval if pace else timedelta()
