"""The author's own channels, and the people whom a message is for."""

from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

EMAIL = RED.author.email


def to_author(vcs: str) -> str:
    return f"""\
people:
  ada: {{vcs: {vcs}, slack: U012ABC, channels: [json://ada.example.com]}}
receivers:
  web: {{channels: [json://web.example.com]}}
routes:
  - {{receiver: author, continue: true}}
  - {{receiver: web, mention: [author, actor]}}
"""


async def took(folder: Path, vcs: str, run: Run = RED) -> tuple[dict[str, list[str | None]], list[str]]:
    """Return the ids of those mentioned by channel, and the sentences of the decisions."""
    async with an_instance(folder, to_author(vcs)) as instance:
        event_id = await instance.finish(run)
        await instance.drain()
        shown = await instance.show(event_id)
        mentioned = {label: [one.slack for one in message.mentions] for label, message in instance.channels.took}
        return mentioned, [decision["reason"] for decision in shown["decisions"]]


async def test_author_hears_through_their_own_channels(folder: Path) -> None:
    mentioned, _ = await took(folder, EMAIL)

    assert set(mentioned) == {"author:ada (json)", "web (json)"}


async def test_route_mentions_whom_it_names(folder: Path) -> None:
    mentioned, _ = await took(folder, EMAIL)

    assert "U012ABC" in mentioned["web (json)"]
    assert mentioned["author:ada (json)"] == []


async def test_author_who_is_not_listed_has_no_channels_and_the_decision_says_so(folder: Path) -> None:
    mentioned, reasons = await took(folder, "another@example.com")

    assert set(mentioned) == {"web (json)"}
    assert mentioned["web (json)"][:1] == [None]
    assert any("the author of the commit has no channels under people" in reason for reason in reasons), reasons
