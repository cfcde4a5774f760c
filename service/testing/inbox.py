"""The demo's inbox: where Apprise's ``json://`` posts arrive, each printed as a card for the person watching."""

from collections.abc import Collection
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.terminal import with_links

CONTROLS = (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # also those of direction
UNPRINTABLE = dict.fromkeys(set(CONTROLS) - {ord("\n")}, "\N{REPLACEMENT CHARACTER}")
MIN_INDENTED_WIDTH = 60  # columns, where a card can stand apart
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
    """Keeps and prints every notification; ``app`` is what a server serves.

    closed    teams whose channel is gone for good: they answer 410
    cards     what arrived, in that order
    refused   how many posts a closed channel turned away
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

        post = await request.json()
        card = Card(team=team, title=post["title"], text=post["message"], kind=post["type"])
        self.cards.append(card)
        show(self._console, card)
        return JSONResponse({"received": len(self.cards)})


def show(console: Console, card: Card) -> None:
    """Print the card: framed on a terminal, one prefixed line after the other in a pipe."""
    title, text = replace_unprintable(card.title), replace_unprintable(card.text)
    if not console.is_terminal:
        lines = [f"  {card.team} | {line}".rstrip() for line in (title, *text.splitlines())]
        console.print(Text("\n".join(lines)), soft_wrap=True)
        return

    # The title stands inside: rich would cut it to the frame's width.
    story = with_links(Text.assemble((title, "bold"), "\n", text, overflow="fold"))
    panel = Panel(story, title=Text(card.team), title_align="left", border_style=COLORS.get(card.kind, "white"))
    console.print(Padding(panel, (0, 0, 0, 7 if console.width >= MIN_INDENTED_WIDTH else 0)))


def replace_unprintable(text: str) -> str:
    """The text without what could move a terminal's cursor or turn its lines around."""
    return text.translate(UNPRINTABLE)
