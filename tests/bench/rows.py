"""The lines of the table, and how figures are written in it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    what     what was measured
    where    on what: ``SQLite``, ``Postgres``, ...
    figure   what came out, as a ratio or a distribution, in words
    reach    what it should be; empty where nothing was promised
    """

    what: str
    where: str
    figure: str
    reach: str = ""


def milliseconds(seconds: float) -> str:
    """A duration, for people."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def quantile(sample: Sequence[float], share: float) -> float:
    """The value that this share of the sample does not exceed."""
    ordered = sorted(sample)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def distribution(sample: Sequence[float]) -> str:
    """The middle, the slow end and the worst of some durations in seconds."""
    parts = [f"p50 {milliseconds(quantile(sample, 0.5))}", f"p95 {milliseconds(quantile(sample, 0.95))}"]
    return ", ".join([*parts, f"p99 {milliseconds(quantile(sample, 0.99))}", f"most {milliseconds(max(sample))}"])


def as_table(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    lines = ["| what | where | figure | to reach |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {row.what} | {row.where} | {row.figure} | {row.reach} |" for row in rows)])
