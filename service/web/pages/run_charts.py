"""The charts of a workflow's page: durations as dots, and days as a calendar."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from service.message.status_text import age, duration, severity
from service.operations.json_shapes import Json
from service.text import humanize
from service.web.pages.charts import COLORS, day_and_time
from service.web.pages.template_filters import MONTHS, pluralize

WIDTH, HEIGHT, EDGE = 640, 120, 8
CELL = 16
WEEK_DAYS = 7
LETTERS = {"success": "P", "failure": "F", "warning": "!", "info": "–"}
"""The letter of a job's status, by its severity; some statuses have their own."""
OWN_LETTERS = {
    "timedout": "T",
    "infrastructure_fail": "I",
    "canceled": "C",
    "cancelled": "C",
    "blocked": "B",
    "on_hold": "H",
}


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A run as a sign: a circle, a cross if it is red, a bar if it is grey."""

    color: str
    path: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day as a square of a calendar; ``red`` is the height of its red part."""

    x: int
    y: int
    color: str
    red: int
    words: str


def dots(runs: Sequence[Json]) -> list[Dot]:
    """Return a sign for each run, as high as it was long."""
    longest = _longest(runs)
    step = (WIDTH - 2 * EDGE) / max(len(runs) - 1, 1)
    return [_dot(run, EDGE + nth * step, height_of(run["duration_ms"], longest)) for nth, run in enumerate(runs)]


def median_line(runs: Sequence[Json], median_ms: int | None) -> float | None:
    """Return the height of the line of the median; None without one."""
    return None if median_ms is None else height_of(median_ms, _longest(runs))


def _longest(runs: Sequence[Json]) -> int:
    return max((run["duration_ms"] for run in runs), default=0) or 1


def height_of(milliseconds: int, longest: int) -> float:
    """Return the place of a duration, from above: that of the longest is the least."""
    return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * milliseconds / longest, 1)


def _dot(run: Json, x: float, y: float) -> Dot:
    shapes = {
        "red": f"M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6",
        "green": f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
        "grey": f"M{x - 3:.1f} {y:.1f}h6",
    }
    number = f"#{run['number']}, " if run["number"] else ""
    words = f"{number}{day_and_time(run['stopped_at'])}, {run['color']}, {duration(run['duration_ms'])}"
    return Dot(color=run["color"], path=shapes[run["color"]], words=words)


def calendar(days: Sequence[Json]) -> list[Day]:
    """Return a square for each day, a week in a column from Monday to Sunday."""
    first = date.fromisoformat(days[0]["day"]).weekday() if days else 0
    return [_day(one, first + nth) for nth, one in enumerate(days)]


def calendar_width(days: Sequence[Json]) -> int:
    """Return the width of the calendar of some days."""
    return CELL * ((len(days) + WEEK_DAYS - 1 + WEEK_DAYS - 1) // WEEK_DAYS)


def _day(one: Json, nth: int) -> Day:
    day = date.fromisoformat(one["day"])
    colored, total = one["red"] + one["green"], sum(one[color] for color in COLORS)
    counts = ", ".join(f"{one[color]} {color}" for color in COLORS if one[color])
    words = f"{pluralize(total, 'run')}: {counts}" if total else "no run"
    color = "green" if one["green"] else "red" if one["red"] else "grey" if total else "none"
    size = CELL - 2
    return Day(
        x=nth // WEEK_DAYS * CELL,
        y=nth % WEEK_DAYS * CELL,
        color=color,
        red=max(round(size * one["red"] / colored), 3) if one["red"] else 0,
        words=f"{day.day} {MONTHS[day.month - 1]}: {words}",
    )


def days_in_words(days: Sequence[Json]) -> str:
    """Return the days in words: ``35 days without a red run, 12 with a red run``."""
    kinds = Counter(
        "red" if one["red"] else "green" if one["green"] else "grey" if one["grey"] else "none" for one in days
    )
    words = {
        "green": "days without a red run",
        "red": "with a red run",
        "grey": "with grey runs alone",
        "none": "without a run",
    }
    return ", ".join(f"{kinds[kind]} {said}" for kind, said in words.items() if kinds[kind])


def grid_cells(cells: Sequence[Json | None]) -> Markup:
    """Return a row of a grid: letters of statuses that lead to builds."""
    return Markup("".join(map(_cell, cells)))  # noqa: S704 - ids, and words of ours


def _cell(cell: Json | None) -> str:
    if cell is None:
        return "<td></td>"
    status = cell["status"]
    return f'<td><a class="is-{severity(status)}" href="/builds/{cell["build"]}">{letter(status)}</a></td>'


def letter(status: str) -> str:
    """Return the letter of a job's status."""
    return OWN_LETTERS.get(status) or LETTERS[severity(status)]


def legend(jobs: Sequence[Json]) -> str:
    """Return the letters of a grid with their meaning: ``F failed, P success``."""
    statuses = {cell["status"] for job in jobs for cell in job["cells"] if cell}
    words: dict[str, set[str]] = {}
    for status in statuses:
        words.setdefault(letter(status), set()).add(humanize(status or "not told"))
    return ", ".join(f"{sign} {' or '.join(sorted(some))}" for sign, some in sorted(words.items()))


def span(begin: str, end: str) -> str:
    """Return the time from one moment to another: ``19 min`` or ``3 days``."""
    return age(datetime.fromisoformat(end) - datetime.fromisoformat(begin))


def day_of_month(day: str) -> str:
    """Return a day: ``3 Nov``."""
    at = datetime.fromisoformat(day)
    return f"{at.day} {MONTHS[at.month - 1]}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "calendar": calendar,
    "calendar_width": calendar_width,
    "day_of_month": day_of_month,
    "days_in_words": days_in_words,
    "dots": dots,
    "grid_cells": grid_cells,
    "legend": legend,
    "median_line": median_line,
    "span": span,
}
"""The filters of the template of a workflow's page."""
