"""Strips of bars as SVG: the last runs, or the last results of a test.

A strip is joined here and not in a template: a page has a thousand bars, and a template asks of each value anew whether
it has to be escaped.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from service.message import one_line
from service.message.status_text import duration
from service.operations.json_shapes import Json
from service.web.pages.template_filters import MONTHS, pluralize

BAR_STEP = 7
BASE = 19  # a red bar goes on below it, so that it differs by more than its color
FOOT = 23
MIN_HEIGHT, MAX_HEIGHT = 3, 18
STRIP_BARS = 14
MAX_WORDS = 8_192  # kept: a page of all projects has most of a thousand bars, and few are new
COLORS = ("red", "green", "grey")
Bar = tuple[str, str]
"""The color of a bar, and its path."""


def run_strip(runs: Sequence[Json]) -> Markup:
    """Return the last runs as bars, each with its words."""
    words = (_words(run["stopped_at"], run["color"], run["duration_ms"]) for run in runs)
    return _strip(_label(runs), STRIP_BARS, _with_words(_bars(runs), words)) if runs else Markup()


def plain_run_strip(runs: Sequence[Json]) -> Markup:
    """Return the last runs as bars without words of their own."""
    return _strip(_label(runs), STRIP_BARS, _without_words(_bars(runs))) if runs else Markup()


def result_strip(results: Sequence[Json]) -> Markup:
    """Return the last results of a test as marks, each with its words."""
    drawn = _with_words(_marks(results), map(_result_words, results))
    return _strip(_result_label(results), len(results), drawn) if results else Markup()


def plain_result_strip(results: Sequence[Json]) -> Markup:
    """Return the last results of a test as marks without words of their own."""
    return _strip(_result_label(results), len(results), _without_words(_marks(results))) if results else Markup()


def _strip(label: str, bars: int, drawn: str) -> Markup:
    """Return a picture of bars.

    The label and the drawing have no words from outside but escaped ones. Its name is its title: to say it twice would
    take a tenth of a large page.
    """
    width = BAR_STEP * bars
    begin = f'<svg class="strip" viewBox="0 0 {width} 24" width="{width}" height="24" role="img">'
    return Markup(f"{begin}<title>{label}</title>{drawn}</svg>")  # noqa: S704 - as above


def _with_words(bars: Sequence[Bar], words: Iterable[str]) -> str:
    pairs = zip(bars, words, strict=True)
    return "".join(f'<path class="{color}" d="{path}"><title>{said}</title></path>' for (color, path), said in pairs)


def _without_words(bars: Sequence[Bar]) -> str:
    paths = {color: "".join(path for one, path in bars if one == color) for color in COLORS}
    return "".join(f'<path class="{color}" d="{path}"/>' for color, path in paths.items() if path)


def _bars(runs: Sequence[Json]) -> list[Bar]:
    """Return a bar for each run, as high as the run was long."""
    longest = max((run["duration_ms"] for run in runs), default=0) or 1
    return [(run["color"], _bar(nth, run["color"], run["duration_ms"] / longest)) for nth, run in enumerate(runs)]


def _bar(nth: int, color: str, share: float) -> str:
    height = MIN_HEIGHT if color == "grey" else max(MIN_HEIGHT, round(MAX_HEIGHT * share))
    return _path(nth, height, is_red=color == "red")


@lru_cache(maxsize=1_000)  # places and heights are few
def _path(nth: int, height: int, *, is_red: bool) -> str:
    return f"M{nth * BAR_STEP + 2.5:g} {FOOT if is_red else BASE}V{BASE - height}"


@lru_cache(maxsize=MAX_WORDS)
def _words(stopped_at: str, color: str, duration_ms: int) -> str:
    return f"{day_and_time(stopped_at)}, {color}, {duration(duration_ms)}"


def _marks(results: Sequence[Json]) -> list[Bar]:
    """Return a mark for each result of a test; a failed one is higher."""
    failed = [one["result"] == "failed" for one in results]
    heights = (MAX_HEIGHT if is_red else MAX_HEIGHT // 2 for is_red in failed)
    paths = (_path(nth, height, is_red=failed[nth]) for nth, height in enumerate(heights))
    return [("red" if is_red else "green", path) for is_red, path in zip(failed, paths, strict=True)]


def _result_words(result: Json) -> str:
    at = f" at {one_line(result['revision'][:7])}" if result["revision"] else ""
    return escape(f"{day_and_time(result['at'])}, {result['result']}{at}")


def _result_label(results: Sequence[Json]) -> str:
    """Return results in words: ``last 20 results: 20 passed, the newest passed``."""
    counts = Counter(one["result"] for one in results)
    words = [f"{counts[result]} {result}" for result in ("passed", "failed") if counts[result]]
    newest = f"the newest {results[-1]['result']}" if results else "no result"
    return escape(f"last {pluralize(len(results), 'result')}: {', '.join([*words, newest])}")


def _label(runs: Sequence[Json]) -> str:
    return f"last {pluralize(len(runs), 'run')}: {color_counts(runs)}"


def color_counts(runs: Sequence[Json]) -> str:
    """Return the colors of runs in words: ``11 green, 3 red, the newest red``."""
    counts = Counter(run["color"] for run in runs)
    words = [f"{counts[color]} {color}" for color in COLORS if counts[color]]
    return ", ".join([*words, f"the newest {runs[-1]['color']}"]) if runs else "no run"


def day_and_time(time: str) -> str:
    """Return a UTC time with its day: ``26 Nov 10:42``."""
    at = datetime.fromisoformat(time).astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1]} {at:%H:%M}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "color_counts": color_counts,
    "plain_result_strip": plain_result_strip,
    "plain_run_strip": plain_run_strip,
    "result_strip": result_strip,
    "run_strip": run_strip,
}
"""The filters of templates that show strips of runs and results."""
