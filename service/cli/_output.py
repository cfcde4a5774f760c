"""Output of commands: tables and sentences for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from service import terminal
from service.cli._streams import as_shown, is_utf8, writing
from service.terminal import Column
from service.text import is_control_char, replace_control_chars

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

DIGITS = 8
"""Digits of an id on a terminal; commands accept them for the whole id."""
MINUTES = len("2026-11-22 09:12")
STATUS = 10
MIN_WIDTH = 8
"""Columns that a name or a sentence keeps on a narrow terminal."""

console = Console(highlight=False)

STATUS_STYLES = {
    **dict.fromkeys(("success", "sent", "matched", "ok", "told"), "green"),
    **dict.fromkeys(("failed", "error", "unauthorized", "dead", "not delivered"), "red"),
    **dict.fromkeys(("canceled", "put off", "pending", "sending"), "yellow"),
}


def print_json(shape: Any) -> None:
    """Print a shape as indented JSON, with control characters escaped."""
    text = json.dumps(shape, indent=2, ensure_ascii=not is_utf8())  # only JSON's own escapes are valid in it
    text = "".join(map(_escaped, text)) if not text.replace("\n", "").isprintable() else text
    with writing():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()  # a closed pipe raises here, not when Python ends


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1] if letter != "\n" and is_control_char(letter) else letter


def say(sentence: str, style: str = "") -> None:
    """Print a sentence as plain text, without markup and control characters."""
    with writing():
        terminal.print_line(console, Text(as_shown(replace_control_chars(sentence)), style=style))


def print_address(address: str) -> None:
    """Print an address for people to copy, never cut or wrapped."""
    with writing():
        terminal.print_url(console, address)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings about the answer on standard error."""
    errors = Console(stderr=True, highlight=False)
    for sentence in sentences:
        terminal.print_line(errors, Text(replace_control_chars(sentence)))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings, each on one line. An absent value is a dash."""
    absent = "–" if is_utf8() else "-"
    cells = [[as_shown(replace_control_chars(absent if cell is None else str(cell))) for cell in row] for row in rows]
    with writing():
        terminal.print_table(console, columns, cells)


def status_style(status: str) -> str:
    """Return the style of a build's or a notification's status."""
    return STATUS_STYLES.get(status, "")
