"""Templates made into answers, with the headers that keep a page to itself."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from service.manage.telling import standings
from service.message.clean import web_link
from service.message.words import duration, severity, started_by
from service.pages import words
from service.pages.dead_letters import build_of, type_of
from service.store.filters import escaped

HERE = Path(__file__).parent
TYPES = {".css": "text/css", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # with no-referrer a browser would hide the origin of our own forms from us as well
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def narrowed(name: str, value: str) -> str:
    """Return the address of the builds that have this value."""
    return "/?" + urlencode({name: escaped(value)})


class Screen:
    """Draws pages from templates; whatever comes from outside is escaped by autoescape."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "ago": words.ago,
            "build_of": build_of,
            "counted": words.counted,
            "dismissal": words.dismissal,
            "duration": duration,
            "exact": words.exact,
            "mark": words.mark,
            "narrowed": narrowed,
            "one_line": words.shown,
            "opening": words.opening,
            "pretty": words.pretty,
            "results": words.results,
            "rounds": words.rounds,
            "sentence": words.sentence,
            "severity": severity,
            "standings": standings,
            "started_by": started_by,
            "times": words.times,
            "told": words.told,
            "type_of": type_of,
            "web_link": web_link,
            "when": words.when,
            "wordings": words.wordings,
        }
        self._files = {path.name: path.read_bytes() for path in (HERE / "static").iterdir()}

    def draw(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """The page that a template makes of these."""
        page = self._templates.get_template(template).render(shown, template=template)
        return Response(page, status_code=status, media_type="text/html", headers=HEADERS)

    def file(self, name: str) -> Response:
        """A style sheet or picture; the same for everybody, and good for ten minutes."""
        if name not in self._files:
            return Response(status_code=404, headers=HEADERS)
        headers = {**HEADERS, "Cache-Control": "max-age=600"}
        return Response(self._files[name], media_type=TYPES[Path(name).suffix], headers=headers)
