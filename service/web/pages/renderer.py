"""Render templates as responses with security headers."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from service.message.sanitize import safe_url
from service.message.status_text import severity, trigger_phrase
from service.operations.json_shapes import unnamed_failures
from service.operations.notification_status import status_phrases
from service.text import definition_digits, humanize, percent
from service.web.pages import addresses, charts, run_charts, template_filters

HERE = Path(__file__).parent
TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}
DOT = Markup('<i class="dot"> <b>·</b></i>')
"""The dot between two parts of a line. It is drawn behind a blank, and so goes with it where the line ends there."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # no-referrer would hide the Origin of our own forms too
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _sources(folder: Path) -> dict[str, tuple[str, str, Callable[[], bool]]]:
    """Return the text of every template by its name, read at once.

    An upgrade of the files under a process that runs must not give it pages of two releases. To compile all of them
    would add most of a second to the start; to read them takes some milliseconds.
    """
    paths = sorted(folder.iterdir())
    return {path.name: (path.read_text("utf-8"), str(path), lambda: True) for path in paths}


class _Templates(Environment):
    """Templates that read most of their values from dictionaries.

    Jinja looks for an attribute first, and what a dictionary has none of costs it an exception each time.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a value of a dictionary by its key, else an attribute or item."""
        if type(obj) is dict and attribute in obj and attribute not in _DICTIONARY_METHODS:
            return obj[attribute]
        return super().getattr(obj, attribute)


_DICTIONARY_METHODS = frozenset(dir(dict))


@cache
def _environment(folder: Path) -> Environment:
    """Return the templates of this process: each is compiled once."""
    environment = _Templates(
        loader=FunctionLoader(_sources(folder).get),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["dot"] = DOT
    environment.filters |= _filters()
    return environment


def _filters() -> dict[str, Callable[..., Any]]:
    return {
        **addresses.FILTERS,
        **charts.FILTERS,
        **run_charts.FILTERS,
        "act_done": template_filters.act_done,
        "age": template_filters.age_of,
        "ago": template_filters.ago,
        "data_size": template_filters.data_size,
        "build_name": template_filters.build_name,
        "percent": percent,
        "pluralize": template_filters.pluralize,
        "dismissal": template_filters.dismissal,
        "definition_digits": definition_digits,
        "duration": template_filters.took,
        "exact_time": template_filters.exact_time,
        "exact_time_tag": template_filters.exact_time_tag,
        "status_mark": template_filters.status_mark,
        "status_tag": template_filters.status_tag,
        "time_tag": template_filters.time_tag,
        "setting_state": template_filters.setting_state,
        "options": template_filters.options,
        "one_line": template_filters.one_line_or_mark,
        "truncate_body": template_filters.truncate_body,
        "pretty_json": template_filters.pretty_json,
        "results": template_filters.results,
        "unnamed_failures": unnamed_failures,
        "rounds": template_filters.rounds,
        "as_sentence": template_filters.as_sentence,
        "length_of_time": template_filters.length_of_time,
        "with_breaks": template_filters.with_breaks,
        "with_code": template_filters.with_code,
        "severity": severity,
        "humanize": humanize,
        "status_phrases": status_phrases,
        "started_by": trigger_phrase,
        "times_text": template_filters.times_text,
        "outcome_groups": template_filters.outcome_groups,
        "event_type": template_filters.event_type,
        "web_link": safe_url,
        "short_time": template_filters.short_time,
        "distinct_messages": template_filters.distinct_messages,
    }


class TemplateRenderer:
    """Renders pages from templates; autoescape escapes all untrusted text."""

    def __init__(self, folder: Path = HERE) -> None:
        self._templates = _environment(folder / "templates")
        self._files = {path.name: path.read_bytes() for path in (folder / "static").iterdir()}

    def render(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """Return the page that a template makes of these values."""
        page = self._templates.get_template(template).render(shown, template=template)
        return Response(page, status_code=status, media_type="text/html", headers=HEADERS)

    def file(self, name: str) -> Response:
        """Return a static file, cached for ten minutes; 404 if there is none."""
        if name not in self._files:
            return Response(status_code=404, headers=HEADERS)
        headers = {**HEADERS, "Cache-Control": "max-age=600"}
        return Response(self._files[name], media_type=TYPES[Path(name).suffix], headers=headers)
