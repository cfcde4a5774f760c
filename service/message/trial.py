"""A message that tries a channel out: marked as a test, about no build."""

from service.message.forms import html, markdown, text
from service.message.story import Block, said
from service.model import Message

TITLE = "Test message from Roundsman"


def compose_test(receiver: str, channel: str) -> Message:
    """Tell the people of a channel that they can be reached, and that nothing was built."""
    lines = (
        ("This is a test of the channel ", *said(channel), ": no build has failed, and nothing is to be done."),
        ("It was sent by ", *said(f"roundsman receivers test {receiver}"), "."),
    )
    blocks = [Block(lines=lines)]
    return Message(title=TITLE, text=text(blocks), markdown=markdown(blocks), html=html(blocks), severity="info")
