"""The message of ``roundsman receivers test``: marked as a test, about no build."""

from service.message.blocks import Block, untrusted
from service.message.formats import Form, render
from service.model import Message

TITLE = "Test message from Roundsman"


def compose_test(receiver: str, channel: str) -> Message:
    """Return the message that tests a channel; it says that no build has failed."""
    lines = (
        ("This is a test of the channel ", *untrusted(channel), ": no build has failed, and nothing is to be done."),
        ("It was sent by ", *untrusted(f"roundsman receivers test {receiver}"), "."),
    )
    story = (Block(lines=lines),)
    return Message(
        title=TITLE,
        text=render(story, Form.TEXT),
        markdown=render(story, Form.MARKDOWN),
        html=render(story, Form.HTML),
        severity="info",
        story=story,
    )
