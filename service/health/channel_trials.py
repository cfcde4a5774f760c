"""Try every channel as far as that goes without a message.

Mail servers are logged in at, Slack's apps are asked about by `check`, and of all others the server is connected to: no
service tells whether it accepts an address but by a message that people see. That is sent only if a person says so.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.channels import AppriseChannels
from service.channels.endpoint import Endpoint
from service.health.reach import check_connection
from service.model import Channel, Receiver
from service.operations.checks.checks import Finding, Grade
from service.operations.checks.receiver_test import send_test

AT_ONCE = 8
MAX_NAMED = 2


async def try_channels(
    receivers: Mapping[str, Receiver], channels: AppriseChannels, now: datetime, *, sends: bool = False
) -> tuple[list[Finding], list[str]]:
    """Return the findings, and the hosts that only our URLs know.

    sends   each channel gets a test message too
    """
    every = {channel.key: channel for receiver in receivers.values() for channel in receiver.channels}
    understood = [channel for channel in every.values() if channels.check(channel.url) is None]
    logins = [one for one in await _each(_log_in(channels, channel) for channel in understood) if one is not None]
    by_server: dict[Endpoint, list[Channel]] = {}
    for channel in understood:
        if (endpoint := await channels.endpoint(channel)) is not None:
            by_server.setdefault(endpoint, []).append(channel)
    servers = await _each(check_connection(f"server {one.host}", one.url, now) for one in by_server)
    untried = [channel for some in by_server.values() for channel in some]
    hosts = [endpoint.host for endpoint in by_server if not endpoint.is_public]
    told = await _send_tests(receivers, channels) if sends else _untried(untried)
    return [*logins, *(one for one in servers if one), *told], hosts


async def _each(work: Iterable[Coroutine[Any, Any, Finding | None]]) -> list[Finding | None]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(waiting: Coroutine[Any, Any, Finding | None]) -> Finding | None:
        async with turns:
            return await waiting

    return list(await asyncio.gather(*(one(waiting) for waiting in work)))


async def _log_in(channels: AppriseChannels, channel: Channel) -> Finding | None:
    tried = await channels.log_in(channel)
    if tried is None:
        return None
    grade = Grade.WRONG if tried.is_wrong else Grade.NOTE if tried.is_less else Grade.OK
    return Finding(what=f"login of channel {channel.label}", grade=grade, sentence=tried.sentence)


async def _send_tests(receivers: Mapping[str, Receiver], channels: AppriseChannels) -> list[Finding]:
    """Send a test message to each channel, once also where several receivers have it."""
    found, seen = [], set[str]()
    for name, receiver in receivers.items():
        new = tuple(one for one in receiver.channels if one.key not in seen)
        seen.update(one.key for one in new)
        for tried in await send_test({name: replace(receiver, channels=new)}, name, channels):
            grade = Grade.OK if tried.accepted else Grade.WRONG
            found.append(Finding(what=f"message to channel {tried.channel}", grade=grade, sentence=tried.answer))
    return found


def _untried(channels: Sequence[Channel]) -> list[Finding]:
    """Return a finding that says of which channels only the server is known."""
    if not channels:
        return []
    names = ", ".join(channel.label for channel in channels[:MAX_NAMED])
    more = f" and {len(channels) - MAX_NAMED} more" if len(channels) > MAX_NAMED else ""
    sentence = (
        f"not tried for {names}{more}: their services tell only by a message that people see, as a Slack incoming "
        "webhook does; `roundsman doctor --send` sends one to each channel, `roundsman receivers test` to a receiver's"
    )
    return [Finding(what="messages", grade=Grade.OK, sentence=sentence)]
