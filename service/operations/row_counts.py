"""The number of rows on a page: half as many where their names are long."""

from collections.abc import Callable, Iterable
from typing import TypeVar

MAX_NAMES_OF_ROW = 400
"""The bytes of names that a row may have in the mean: a row of usual names has about a hundred."""
T = TypeVar("T")


def read_page(read: Callable[[int], T], size: int, names: Callable[[T], Iterable[str | None]]) -> T:
    """Return a page of so many rows, or of half as many if their names are long.

    read    reads a page of a number of rows, and where the next one begins
    names   the names on a page
    """
    page = read(size)
    length = sum(len(name.encode(errors="replace")) for name in names(page) if name)
    return page if length <= size * MAX_NAMES_OF_ROW else read(size // 2)
