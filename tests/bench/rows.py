"""The lines of the table, and how figures are written in it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    what        the thing that was measured
    where       the database, and its size where that matters
    measured    the result, as a ratio, a rate or a distribution
    reach       the aim; empty where there is none
    is_reached  whether the result meets the aim; None where there is no result or no aim
    rate        a second, for what is reckoned from the table
    """

    what: str
    where: str
    measured: str
    reach: str = ""
    is_reached: bool | None = None
    rate: float | None = None


def milliseconds(seconds: float) -> str:
    """Return a duration, for people."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def quantile(sample: Sequence[float], share: float) -> float:
    """Return the value that this share of the sample does not exceed."""
    ordered = sorted(sample)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def distribution(sample: Sequence[float]) -> str:
    """Return the middle, the slow end and the worst of some durations in seconds."""
    parts = [f"p{share * 100:.0f} {milliseconds(quantile(sample, share))}" for share in (0.5, 0.95, 0.99)]
    return ", ".join([*parts, f"most {milliseconds(max(sample))}"])


def as_table(rows: Sequence[Row]) -> str:
    """Return the table in Markdown; what misses its aim is marked."""
    lines = ["| what | where | measured | reach |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_as_line, rows)])


def _as_line(row: Row) -> str:
    reach = f"**{row.reach}: not reached**" if row.is_reached is False else row.reach
    return f"| {row.what} | {row.where} | {row.measured} | {reach} |"
