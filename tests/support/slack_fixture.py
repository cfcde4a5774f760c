"""A channel of Slack, and messages of an incident to tell it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from service.channels import AppriseChannels
from service.message import compose_test
from service.model import Channel, Color, LivingMessage, LivingReceipt, Message, Update
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, Fault

URL = f"slack-bot://{TOKEN}/{CHANNEL}"
WEB = Channel(key="k", label="web (#web)", kind="slack-bot", url=URL)
INCIDENT = UUID(int=7)
NEVER = LivingMessage(incident_id=INCIDENT, channel_key="k")
RED, GREEN = "#c9302c", "#2e8540"
TITLE = "Test message from Roundsman"
CUT = Fault(is_cut=True)


def about(living: LivingMessage | None, *, update: Update = Update.POST, color: Color = Color.RED) -> Message:
    """A message of an incident."""
    shown = replace(living, color=color) if living else None
    return replace(compose_test("web", "web (#web)"), living=shown, update=update)


async def tell(slack: FakeSlack, message: Message, notification_id: UUID | None = None, url: str = URL) -> str:
    channels = AppriseChannels(deadline_s=120, slack_url=slack.url)
    return await channels.send(replace(WEB, url=url), message, notification_id=notification_id or uuid4())


async def posted(slack: FakeSlack) -> LivingMessage:
    """A living message that was posted."""
    receipt = await tell(slack, about(NEVER))
    assert isinstance(receipt, LivingReceipt)
    slack.calls.clear()
    return receipt.living


def unsure(living: LivingMessage) -> LivingMessage:
    """The same after an attempt of a minute ago whose outcome nobody knows."""
    return replace(living, unsure_since=datetime.now(UTC) - timedelta(minutes=1))
