"""What commands print: tables and sentences for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from service import terminal
from service.cli._streams import as_shown, is_utf8, writing
from service.message import is_control_char, replace_control_chars
from service.terminal import Column

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

DIGITS = 8
"""Digits of an id that a terminal shows: commands take them for the whole id."""
MINUTES = len("2026-11-22 09:12")
STATUS = 10
MIN_WIDTH = 8
"""To how many columns a name or a sentence may be cut where a terminal is narrow."""

console = Console(highlight=False)

STATUS_STYLES = {
    **dict.fromkeys(("success", "sent", "matched", "ok", "told"), "green"),
    **dict.fromkeys(("failed", "error", "unauthorized", "dead", "not delivered"), "red"),
    **dict.fromkeys(("canceled", "put off", "pending", "sending"), "yellow"),
}


def print_json(shape: Any) -> None:
    """Print a shape as JSON, in a form that people can read too; what a terminal would act on is escaped."""
    text = json.dumps(shape, indent=2, ensure_ascii=not is_utf8())  # JSON has escapes of its own, and no others
    text = "".join(map(_escaped, text)) if not text.replace("\n", "").isprintable() else text
    with writing():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()  # a reader who has left is noticed here, and not when Python ends


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1] if letter != "\n" and is_control_char(letter) else letter


def say(sentence: str, style: str = "") -> None:
    """Print a sentence; whatever stands in it is text, never markup or a command to the terminal."""
    with writing():
        terminal.print_line(console, Text(as_shown(replace_control_chars(sentence)), style=style))


def print_address(address: str) -> None:
    """Print an address for people to copy: whole, also where a terminal is narrower."""
    with writing():
        terminal.print_url(console, address)


def warn(sentences: Iterable[str]) -> None:
    """Print what is no part of the answer, and must be known of it, on standard error."""
    errors = Console(stderr=True, highlight=False)
    for sentence in sentences:
        terminal.print_line(errors, Text(replace_control_chars(sentence)))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings, each on one line. What is absent is a dash."""
    absent = "–" if is_utf8() else "-"
    cells = [[as_shown(replace_control_chars(absent if cell is None else str(cell))) for cell in row] for row in rows]
    with writing():
        terminal.print_table(console, columns, cells)


def status_style(status: str) -> str:
    """Return the style of a status, of a build's or a notification's."""
    return STATUS_STYLES.get(status, "")
