"""A template that fails at a real event: the built-in message is sent, and the page says why."""

from pathlib import Path

import pytest

from tests.support.app_fixture import RED, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com]
    headline: '%s'
routes:
  - {receiver: web}
"""


async def test_message_has_the_receivers_headline(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "Red: {{ project }}") as instance:
        await instance.finish(RED)
        await instance.drain()

        [(_, message)] = instance.channels.took
        assert message.title == "Red: acme/web"


async def test_failed_template_is_on_record_with_the_attempt(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "{% if pipeline == 1487 %}{{ failed_tests[9].x }}{% endif %}x") as instance:
        event_id = await instance.finish(RED)
        await instance.drain()

        shown = await instance.show(event_id)
        [notification] = shown["notifications"]
        [attempt] = notification["attempts"]
        assert attempt["outcome"] == "sent"
        assert "a template of web cannot be filled in" in attempt["receipt"]
        [(_, message)] = instance.channels.took
        assert message.title.startswith("acme/web main")
