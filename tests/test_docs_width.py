"""The documentation fits the column in which people read it: no block of code and no table is scrolled sideways."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.generate_docs import ROOT, pages

COLUMN = 88  # characters of code in the column of a repository's page: some 830 px, of which lists take a part
TABLE = 110  # most of a table is words, whose letters are narrower
UNBREAKABLE = 70  # an address is shown whole


def blocks(page: str) -> Iterator[tuple[int, str]]:
    """Yield each line of a block of code with its indentation in lists, which takes from the column."""
    indentation: int | None = None
    for line in page.splitlines():
        if fence := re.match(r"( *)```", line):
            indentation = len(fence[1]) if indentation is None else None
        elif indentation is not None:
            yield indentation, line[indentation:]


def rows(page: str) -> Iterator[list[str]]:
    """Yield the cells of each row of a table."""
    for line in page.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def widest_word(text: str) -> int:
    return max(map(len, re.split(r"\s|<br>|\]\(|/", text)), default=0)


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_block_of_code_is_wider_than_the_column(path: Path) -> None:
    lines = blocks(path.read_text(encoding="utf-8"))

    too_wide = [line for indentation, line in lines if indentation + len(line) > COLUMN]

    assert [line for line in too_wide if widest_word(line.replace("/", "-")) < UNBREAKABLE] == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_table_is_wider_than_the_column_at_its_narrowest(path: Path) -> None:
    widths: dict[int, int] = {}
    for cells in rows(path.read_text(encoding="utf-8")):
        for column, cell in enumerate(cells):
            widths[column] = max(widths.get(column, 0), widest_word(cell))

    assert sum(width + 3 for width in widths.values()) <= TABLE, widths
