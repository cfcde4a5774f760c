"""What commands print: tables and sentences for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

console = Console(highlight=False, soft_wrap=True)


def print_json(shape: Any) -> None:
    """Print a shape as JSON, in a form that people can read too."""
    sys.stdout.write(json.dumps(shape, indent=2, ensure_ascii=False) + "\n")


def say(sentence: str, style: str = "") -> None:
    """Print a sentence; whatever stands in it is text, never markup."""
    console.print(Text(sentence, style=style))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under heads; an absent cell is a dash."""
    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("–" if cell is None else str(cell)) for cell in row))
    console.print(table)
