"""The search of the builds page: one field, suggestions, and filters of one click."""

from dataclasses import dataclass

from service.db.tables import Transaction
from service.operations.json_shapes import Json
from service.operations.overviews.now import Setting
from service.operations.saved_views import ViewUser
from service.operations.search_hints import suggest
from service.routing.match_keys import SEARCH_FILTERS
from service.web.pages.build_addresses import Filters, address
from service.web.pages.mine import names_of
from service.web.pages.views import read_views

CHIPS: dict[str, dict[str, str]] = {
    "failed": {"status": "failed,error"},
    "broke": {"transition": "broke"},
    "main": {"branch": "main"},
    "last 24 h": {"since": "24h"},
}
MAX_EXTENDED = 200
"""The characters of a text up to which each suggestion begins with it: a browser replaces the whole field."""
SENTENCES = {
    "by": "a part of the name of who started it, or of the commit's author",
    "transition": "what the run did to its branch: broke, still_broken, fixed, passed or none",
    "event": "workflow-completed, job-completed, workflow-held, settings-changed, ping or any; without it workflows, "
    "or jobs of a name",
    "told": "any: a route had someone told; none: no route had",
    "since": "from this time on, in UTC: 7d, 24h, today, yesterday, 2026-11-22, 2026-11-22T09:30",
    "until": "before this time, written alike",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The part of the builds page that was asked for.

    text   what the search field holds
    jobs   the event of the run whose jobs are shown, or empty
    mine   the name of the reader, as remembered; None if it is not known
    """

    filters: Filters
    text: str
    cursor: str
    jobs: str
    user: ViewUser
    mine: str | None


def read_form(transaction: Transaction, setting: Setting, asked: Asked) -> Json:
    """Return the values of the search form."""
    filters, text = asked.filters, asked.text
    begin = f"{text} " if text and len(text) <= MAX_EXTENDED else ""
    chips = [_chip(words, filters, {name: [value] for name, value in added.items()}) for words, added in CHIPS.items()]
    if asked.mine:
        chips.insert(3, _chip("mine", filters, {"by": names_of(asked.mine, setting.people)}))
    return {
        "text": text,
        "suggestions": [begin + one for one in suggest(transaction)],
        "chips": chips,
        "mine": asked.mine,
        "people": sorted(one.name for one in setting.people),
        "here": address(filters),
        "help": {name: known.sentence for name, known in SEARCH_FILTERS.items()} | SENTENCES,
        **read_views(transaction, asked.user, text),
    }


def _chip(words: str, filters: Filters, added: Filters) -> Json:
    """Return a filter of one click, with the path that adds or removes it."""
    is_on = all(list(filters[name]) == list(values) for name, values in added.items())
    changed = {name: [] if is_on else values for name, values in added.items()}
    return {"words": words, "is_on": is_on, "address": address({**filters, **changed})}
