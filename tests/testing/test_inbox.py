"""The inbox takes what Apprise really sends, and prints it so that it can be read and does no harm."""

import json
from collections.abc import AsyncIterator
from io import StringIO
from urllib.parse import quote

import apprise
import httpx
import pytest
from rich.console import Console

from service.testing.inbox import MAX_BODY_BYTES, Card, Inbox, show
from service.web.server.server import listen, serving
from tests.support.ports import free_port

# Apprise imports a module that Python 3.13 removed, and knows what to do without it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

POST = {"title": "A title", "message": "A body", "type": "failure"}
FAILED = Card(team="web-team", title="acme/web main: failed", text="3 of 214 tests failed\n\nby Ada", kind="failure")


def printed(card: Card, *, terminal: bool) -> str:
    console = Console(file=StringIO(), force_terminal=terminal, width=60, color_system=None, _environ={})
    show(console, card)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


async def notify(address: str, *, title: str = "A title", body: str = "A body", kind: str = "failure") -> bool:
    channel = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
    channel.add(f"json://{address.removeprefix('http://')}")
    return bool(await channel.async_notify(title=title, body=body, notify_type=apprise.NotifyType(kind)))


def a_client(inbox: Inbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(inbox.app), base_url="http://inbox.example.com")


async def test_inbox_accepts_apprise_messages_over_real_http() -> None:
    inbox = Inbox(Console(file=StringIO()))

    async with serving(inbox.app, listen("127.0.0.1", 0)) as address:
        sent = await notify(f"{address}/web-team", title="main is red", body="3 tests fail", kind="failure")

    assert sent
    assert inbox.cards == [Card(team="web-team", title="main is red", text="3 tests fail", kind="failure")]


async def test_a_closed_channel_answers_410_and_keeps_nothing() -> None:
    inbox = Inbox(Console(file=StringIO()), closed=["old-pager"])

    async with serving(inbox.app, listen("127.0.0.1", 0)) as address, httpx.AsyncClient() as client:
        sent = await notify(f"{address}/old-pager")
        answer = await client.post(f"{address}/old-pager", json={})

    assert not sent
    assert answer.status_code == 410
    assert (inbox.cards, inbox.refused) == ([], 2)


async def test_server_ends_with_its_block() -> None:
    async with serving(Inbox(Console(file=StringIO())).app, listen("127.0.0.1", free_port())) as address:
        pass

    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(address)


def test_a_pipe_gets_one_prefixed_line_after_the_other() -> None:
    assert printed(FAILED, terminal=False) == (
        "  web-team | acme/web main: failed\n  web-team | 3 of 214 tests failed\n  web-team |\n  web-team | by Ada\n"
    )


def test_a_pipe_gets_long_lines_unbroken() -> None:
    card = Card(team="t", title="long " * 40, text="", kind="info")

    assert printed(card, terminal=False).count("\n") == 1


def test_a_terminal_gets_a_card_framed_with_the_teams_name() -> None:
    top, title, *lines, bottom = printed(FAILED, terminal=True).splitlines()

    assert "web-team" in top
    assert "acme/web main: failed" in title
    assert "3 of 214 tests failed" in lines[0]
    assert bottom.strip().startswith("╰")


def test_a_terminal_gets_a_long_title_to_its_end() -> None:
    card = Card(team="t", title="long " * 40 + "end", text="", kind="info")

    assert "end" in printed(card, terminal=True)


def test_a_kind_that_apprise_may_add_is_shown_as_well() -> None:
    card = Card(team="t", title="new", text="kind", kind="celebration")

    assert "kind" in printed(card, terminal=True)


async def test_control_and_direction_characters_of_every_part_are_replaced() -> None:
    console = Console(file=StringIO())
    inbox, hostile = Inbox(console), "a\x1b[31mb\r\n\u202ec\u2066d\x9be\u200ff\u2028\ud800\u00a0\u2713"

    async with a_client(inbox) as client:
        post = json.dumps({**POST, "title": hostile, "message": hostile})
        answer = await client.post(quote("/web\u202e"), content=post)

    assert answer.status_code == 200
    [card] = inbox.cards
    assert card.title == card.text == "ab\n\ufffdc\ufffdd\ufffde\ufffdf\n\ufffd\u00a0\u2713"
    assert card.team == "web\ufffd"


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"7", b'{"title": "x"}', b"[" * 200_000])
async def test_a_post_that_is_no_notification_is_refused(body: bytes) -> None:
    inbox = Inbox(Console(file=StringIO()))

    async with a_client(inbox) as client:
        answer = await client.post("/web-team", content=body)

    assert (answer.status_code, inbox.cards) == (400, [])
    assert "title, message and type" in answer.text


def test_square_brackets_are_no_markup() -> None:
    card = Card(team="t", title="[red]title[/red]", text="[bold]x[/bold]", kind="info")

    assert "[red]title[/red]" in printed(card, terminal=False)
    assert "[bold]x[/bold]" in printed(card, terminal=True)


async def test_a_body_beyond_the_limit_is_refused_and_not_kept_even_if_no_length_is_announced() -> None:
    inbox = Inbox(Console(file=StringIO()))

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * MAX_BODY_BYTES

    async with a_client(inbox) as client:
        answer = await client.post("/web-team", content=endless())
        fitting = await client.post("/web-team", content=json.dumps(POST).encode().ljust(MAX_BODY_BYTES))

    assert answer.status_code == 413
    assert answer.json() == {"error": f"the body is larger than {MAX_BODY_BYTES} bytes"}
    assert fitting.status_code == 200
    assert len(inbox.cards) == 1
