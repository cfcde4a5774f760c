"""The geometry of charts, which templates draw as SVG."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from service.message import one_line
from service.message.status_text import duration
from service.operations.json_shapes import Json
from service.web.pages.template_filters import MONTHS

BAR_STEP = 7
BASE = 19  # a red bar goes on below it, so that it differs by more than its color
FOOT = 23
MIN_HEIGHT, MAX_HEIGHT = 3, 18
MAX_WORDS = 8_192  # kept: a page of all projects has most of a thousand bars, and few are new
COLORS = ("red", "green", "grey")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A run as a vertical line from ``bottom`` to ``top``, and its words."""

    x: float
    top: float
    bottom: int
    color: str
    words: str


def bars(runs: Sequence[Json]) -> list[Bar]:
    """Return a bar for each run, as high as the run was long."""
    longest = max((run["duration_ms"] for run in runs), default=0) or 1
    return [_bar(run, nth, run["duration_ms"] / longest) for nth, run in enumerate(runs)]


def _bar(run: Json, nth: int, share: float) -> Bar:
    color = run["color"]
    height = MIN_HEIGHT if color == "grey" else max(MIN_HEIGHT, round(MAX_HEIGHT * share))
    return Bar(
        x=nth * BAR_STEP + 2.5,
        top=BASE - height,
        bottom=FOOT if color == "red" else BASE,
        color=color,
        words=_words(run["stopped_at"], color, run["duration_ms"]),
    )


@lru_cache(maxsize=MAX_WORDS)
def _words(stopped_at: str, color: str, duration_ms: int) -> str:
    return f"{day_and_time(stopped_at)}, {color}, {duration(duration_ms)}"


def marks(results: Sequence[Json]) -> list[Bar]:
    """Return a mark for each result of a test; a failed one is higher."""
    return [_mark(one, nth) for nth, one in enumerate(results)]


def _mark(result: Json, nth: int) -> Bar:
    failed = result["result"] == "failed"
    at = f" at {one_line(result['revision'][:7])}" if result["revision"] else ""
    return Bar(
        x=nth * BAR_STEP + 2.5,
        top=BASE - (MAX_HEIGHT if failed else MAX_HEIGHT // 2),
        bottom=FOOT if failed else BASE,
        color="red" if failed else "green",
        words=f"{day_and_time(result['at'])}, {result['result']}{at}",
    )


def result_counts(results: Sequence[Json]) -> str:
    """Return results in words: ``17 passed, 3 failed, the newest failed``."""
    counts = Counter(one["result"] for one in results)
    words = [f"{counts[result]} {result}" for result in ("passed", "failed") if counts[result]]
    return ", ".join([*words, f"the newest {results[-1]['result']}"]) if results else "no result"


def color_counts(runs: Sequence[Json]) -> str:
    """Return the colors of runs in words: ``11 green, 3 red, the newest red``."""
    counts = Counter(run["color"] for run in runs)
    words = [f"{counts[color]} {color}" for color in COLORS if counts[color]]
    return ", ".join([*words, f"the newest {runs[-1]['color']}"]) if runs else "no run"


def color_paths(runs: Sequence[Json]) -> list[tuple[str, str]]:
    """Return the bars of each color as one SVG path."""
    return _paths(bars(runs))


def mark_paths(results: Sequence[Json]) -> list[tuple[str, str]]:
    """Return the marks of each color as one SVG path."""
    return _paths(marks(results))


def _paths(drawn: Sequence[Bar]) -> list[tuple[str, str]]:
    paths = [
        (color, "".join(f"M{one.x:g} {one.bottom}V{one.top}" for one in drawn if one.color == color))
        for color in COLORS
    ]
    return [(color, path) for color, path in paths if path]


def day_and_time(time: str) -> str:
    """Return a UTC time with its day: ``26 Nov 10:42``."""
    at = datetime.fromisoformat(time).astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1]} {at:%H:%M}"


FILTERS: Mapping[str, Callable[..., Any]] = {"bars": bars, "color_counts": color_counts, "color_paths": color_paths}
"""The filters of templates that show strips of runs."""
