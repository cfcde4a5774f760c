"""Test messages: one to each channel of a receiver, with the channel's answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from service.channels import AppriseChannels, StillSending
from service.errors import BadRequest, Permanent, Temporary
from service.message import compose_test
from service.model import Channel, Receiver


@dataclass(frozen=True, kw_only=True)
class ChannelTest:
    """The answer of one channel to a test message."""

    channel: str
    kind: str
    accepted: bool
    answer: str


async def send_test(receivers: Mapping[str, Receiver], name: str, notifier: AppriseChannels) -> list[ChannelTest]:
    """Send one test message to each channel of a receiver, concurrently.

    Raises BadRequest for an unknown receiver.
    """
    if name not in receivers:
        raise BadRequest(f"roundsman.yaml has no receiver {name!a}; it has {', '.join(receivers) or 'none'}")
    notifier.redact_urls_of(receivers.values())
    return await asyncio.gather(*(_send_to_channel(name, channel, notifier) for channel in receivers[name].channels))


async def _send_to_channel(receiver: str, channel: Channel, notifier: AppriseChannels) -> ChannelTest:
    message = compose_test(receiver, channel.label)
    try:
        try:
            answer = await notifier.send(channel, message, notification_id=uuid4())
        except StillSending as late:
            answer = await late.outcome()
    except (Temporary, Permanent) as error:
        return ChannelTest(channel=channel.label, kind=channel.kind, accepted=False, answer=str(error))
    return ChannelTest(channel=channel.label, kind=channel.kind, accepted=True, answer=answer)
