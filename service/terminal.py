"""Print lines and tables: unchanged in a pipe; wrapped, with links, on a terminal."""

import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.style import Style
from rich.text import Text

URL = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)]")
TOGETHER = re.compile(
    r"(?<=[a-z]) (?=[0-9a-f]{8}(?:-[0-9a-f]{4}){0,3}(?:-[0-9a-f]{12})?\b)"  # an id, and the noun before it
    r"|(?<=\d{4}-\d\d-\d\d) (?=\d\d:\d\d)|(?<=\d:\d\d) (?=UTC\b)"
    r"|(?<=`roundsman) (?=[a-z])"
)
"""A blank at which no line breaks: people read and copy the words around it as one."""
GLUE, NOT_GLUE = "\ue000", "\ue001"
COLUMN_GAP = "  "
MIN_WRAPPED_WIDTH = 24
MIN_WIDTH = 20
MIN_GLUED_WIDTH = 60
"""The width of a terminal from which a noun and a whole id fit on one line."""
LEGIBLE_WIDTH = 18
MAX_WIDTH = sys.maxsize


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, and how it shrinks on a narrow terminal.

    short       the number of characters of a cell shown on a terminal, such as 8 of an id; None: all
    cut_to      the smallest width to which its cells may be cut, then ending in "…"; None: never cut
    keeps_end   its cells are cut in the middle, since they differ at their ends
    drops_path  the path up to its cells' last slash is left out if all share it and there is no room
    can_wrap    a cell may continue on the next line; only for the last column
    is_extra    the column is left out if there is no room
    style       the style of a cell, by its text
    """

    heading: str
    short: int | None = None
    cut_to: int | None = None
    keeps_end: bool = False
    drops_path: bool = False
    can_wrap: bool = False
    is_extra: bool = False
    style: Callable[[str], str] = lambda _: ""


def print_line(console: Console, text: Text) -> None:
    """Print a text; on a terminal, wrapped between words and with URLs as links."""
    for line in text.split("\n", allow_blank=True):
        if not console.is_terminal:
            console.print(line, soft_wrap=True)
            continue
        for part in _wrapped(console, with_links(line)):
            console.print(part, soft_wrap=True)


def print_url(console: Console, address: str) -> None:
    """Print a URL on one line of its own, unwrapped, so that it can be copied."""
    text = Text(address)
    console.print(with_links(text) if console.is_terminal else text, soft_wrap=True)


def with_links(text: Text) -> Text:
    """Return the text with each URL as a link, also if it is shown on two lines."""
    for found in URL.finditer(text.plain):
        text.stylize(Style(link=found[0]), *found.span())
    return text


def _wrapped(console: Console, text: Text) -> Iterator[Text]:
    width = max(console.width, MIN_WIDTH)
    if text.cell_len <= width:
        yield text
        return
    indent = len(text.plain) - len(text.plain.lstrip(" "))
    hang = indent + len(COLUMN_GAP) if indent + len(COLUMN_GAP) < width // 2 else 0
    text = text[min(indent, hang) :]
    first, *others = (_glued(text) if width >= MIN_GLUED_WIDTH else text).wrap(console, width - hang)
    for part, left in ((first, min(indent, hang)), *((other, hang) for other in others)):
        part.plain = part.plain.replace(GLUE, " ").replace(NOT_GLUE, GLUE)
        part.rstrip()  # the blank at which the line was broken
        yield Text(" " * left).append_text(part)


def _glued(text: Text) -> Text:
    """Return a text of the same width, with GLUE for blanks that end no line."""
    glued = text.copy()
    glued.plain = TOGETHER.sub(GLUE, text.plain.replace(GLUE, NOT_GLUE))
    return glued


def print_table(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings: one line each in a pipe, cut to a terminal's width."""
    if console.is_terminal:
        rows = [[cell[: column.short] for cell, column in zip(row, columns, strict=True)] for row in rows]
        if _total(_natural_widths(columns, rows)) > console.width:
            rows = _without_paths(columns, rows)
    lines = [[column.heading for column in columns], *rows]
    natural = _natural_widths(columns, rows)
    widths = (
        column_widths(natural, columns, max(console.width, MIN_WIDTH))
        if console.is_terminal
        else dict(enumerate(natural))
    )
    for number, line in enumerate(lines):
        styles = {n: columns[n].style(line[n]) if number else "bold" for n in widths}
        cells = [Text(_to_width(line[n], widths[n], columns[n]), style=styles[n]) for n in widths]
        _print_row(console, cells, list(widths.values()), can_wrap=columns[-1].can_wrap and len(columns) - 1 in widths)


def _natural_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    lines = [[column.heading for column in columns], *rows]
    return [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]


def _without_paths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Return the rows without the organization that all of a column share."""
    paths = [
        {cell[: cell.rfind("/") + 1] for cell in cells} if column.drops_path else {""}
        for column, cells in zip(columns, zip(*rows, strict=True), strict=False)
    ]
    shared = [next(iter(some)) if len(some) == 1 else "" for some in paths]
    return [[cell.removeprefix(path) for cell, path in zip(row, shared, strict=True)] for row in rows]


def _print_row(console: Console, cells: Sequence[Text], widths: Sequence[int], *, can_wrap: bool) -> None:
    last = cells[-1].wrap(console, widths[-1]) if can_wrap and console.is_terminal else [_cut(cells[-1], widths[-1])]
    first = [*(_cut(cell, width) for cell, width in zip(cells[:-1], widths, strict=False)), last[0] if last else Text()]
    _print(console, Text(COLUMN_GAP).join(first))
    offset = _total(widths[:-1]) + len(COLUMN_GAP)
    for other in last[1:]:
        _print(console, Text(" " * offset).append_text(other))


def _print(console: Console, text: Text) -> None:
    text.rstrip()
    console.print(text, soft_wrap=True)


def column_widths(natural: Sequence[int], columns: Sequence[Column], room: int) -> dict[int, int]:
    """Return the width of each shown column, by column number.

    Extra columns are left out first, the last one first, where others would lose too much of theirs; then the widest
    column that can be cut is cut.
    """
    widths = dict(enumerate(natural))
    least = {n: min(width, _min_width(columns[n])) for n, width in widths.items()}
    legible = {n: min(width, max(least[n], LEGIBLE_WIDTH)) for n, width in widths.items()}
    for extra in [n for n in reversed(widths) if columns[n].is_extra]:
        if _total(legible.values()) > room:
            del widths[extra], least[extra], legible[extra]
    while (over := _total(widths.values()) - room) > 0:
        cuttable = sorted((width, n) for n, width in widths.items() if width > least[n])
        if not cuttable:
            break
        (width, widest), (next_width, _) = cuttable[-1], cuttable[-2] if len(cuttable) > 1 else (0, 0)
        widths[widest] = max(least[widest], width - over, min(next_width, width - 1))
    return widths


def _min_width(column: Column) -> int:
    if column.cut_to is not None:
        return column.cut_to
    return MIN_WRAPPED_WIDTH if column.can_wrap else MAX_WIDTH


def _total(widths: Collection[int]) -> int:
    return sum(widths) + len(COLUMN_GAP) * max(0, len(widths) - 1)


def _to_width(cell: str, width: int, column: Column) -> str:
    """Return the text of a cell; without its middle if its end must stay."""
    if not column.keeps_end or cell_len(cell) <= width:
        return cell
    end = next(cell[start:] for start in range(len(cell) + 1) if cell_len(cell[start:]) <= width // 2)
    return f"{set_cell_size(cell, width - cell_len(end) - 1)}…{end}"


def _cut(cell: Text, width: int) -> Text:
    cell.truncate(width, overflow="ellipsis", pad=True)
    return cell
