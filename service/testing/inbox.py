"""The demo's inbox: a server for Apprise's ``json://`` posts, printed as cards."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.terminal import with_links
from service.text import replace_control_chars

MIN_INDENTED_WIDTH = 60  # columns
MAX_BODY_BYTES = 2**20
COLORS = {"success": "green", "failure": "red", "warning": "yellow", "info": "blue"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """One notification as it arrived.

    team   the path it was posted to
    kind   Apprise's ``success``, ``failure``, ``warning`` or ``info``
    """

    team: str
    title: str
    text: str
    kind: str


class Inbox:
    """A receiver that keeps and prints every notification.

    app       the ASGI application, for a server
    closed    teams whose channel is gone for good: they answer 410
    cards     the notifications in the order of arrival
    refused   the number of posts to a closed channel
    """

    def __init__(self, console: Console, *, closed: Collection[str] = ()) -> None:
        self.cards: list[Card] = []
        self.refused = 0
        self._console = console
        self._closed = closed
        self.app = Starlette(routes=[Route("/{team}", self._receive, methods=["POST"])])
        self.app.router.redirect_slashes = False

    async def _receive(self, request: Request) -> Response:
        team = request.path_params["team"]
        if team in self._closed:
            self.refused += 1
            return JSONResponse({"error": "this address was closed for good"}, 410)

        body = await _read(request)
        if body is None:
            return JSONResponse({"error": f"the body is larger than {MAX_BODY_BYTES} bytes"}, 413)
        try:
            card = _card(team, json.loads(body))
        except (ValueError, LookupError, TypeError, RecursionError):
            return JSONResponse({"error": "send JSON with title, message and type, as Apprise does for json://"}, 400)
        self.cards.append(card)
        show(self._console, card)
        return JSONResponse({"received": len(self.cards)})


async def _read(request: Request) -> bytes | None:
    """Return the body; None if it is larger than an inbox takes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _card(team: str, post: Any) -> Card:
    """Return the card of a post, its text with nothing in it that a terminal acts on."""
    title, text, kind = (_as_shown(str(post[name])) for name in ("title", "message", "type"))
    return Card(team=_as_shown(team), title=title, text=text, kind=kind)


def show(console: Console, card: Card) -> None:
    """Print the card: framed on a terminal, as prefixed lines in a pipe."""
    if not console.is_terminal:
        lines = [f"  {card.team} | {line}".rstrip() for line in (card.title, *card.text.splitlines())]
        console.print(Text("\n".join(lines)), soft_wrap=True)
        return

    # The title is inside the frame: rich would cut a frame's title to its width.
    story = with_links(Text.assemble((card.title, "bold"), "\n", card.text, overflow="fold"))
    panel = Panel(story, title=Text(card.team), title_align="left", border_style=COLORS.get(card.kind, "white"))
    console.print(Padding(panel, (0, 0, 0, 7 if console.width >= MIN_INDENTED_WIDTH else 0)))


def _as_shown(text: str) -> str:
    return "\n".join(map(replace_control_chars, text.splitlines()))
