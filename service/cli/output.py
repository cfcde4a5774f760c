"""What commands print: tables and sentences for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from service.cli._streams import as_shown, is_utf8, writing
from service.message import visible

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

console = Console(highlight=False, soft_wrap=True)


def print_json(shape: Any) -> None:
    """Print a shape as JSON, in a form that people can read too."""
    text = json.dumps(shape, indent=2, ensure_ascii=not is_utf8())  # JSON has escapes of its own, and no others
    with writing():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()  # a reader who has left is noticed here, and not when Python ends


def say(sentence: str, style: str = "") -> None:
    """Print a sentence; whatever stands in it is text, never markup or a command to the terminal."""
    with writing():
        console.print(Text(as_shown(visible(sentence)), style=style))


def warn(sentences: Iterable[str]) -> None:
    """Print what is no part of the answer, and must be known of it, on standard error."""
    for sentence in sentences:
        sys.stderr.write(f"{visible(sentence)}\n")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under heads, each on one line however long: half an id helps nobody. What is absent is a dash."""
    absent = "–" if is_utf8() else "-"
    lines = [list(heads), *([as_shown(visible(absent if cell is None else str(cell))) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        cells = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(cells).rstrip(), style="" if number else "bold")
