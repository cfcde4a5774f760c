"""The addresses of the builds page: its filters, as parameters or as one text."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from service.operations import queries
from service.operations.search_text import expand, write

PATH = "/builds"

Filters = Mapping[str, Sequence[str]]
"""The values of every filter, as entered."""


def read_filters(parameters: QueryParams) -> dict[str, Sequence[str]]:
    """Return the trimmed values of every filter that an address has."""
    given = {name: [value.strip() for value in parameters.getlist(name)] for name in queries.SEARCHABLE}
    return {name: [value for value in values if value] for name, values in given.items()}


def merge(filters: Filters) -> dict[str, Sequence[str]]:
    """Return filters with those of the search text, once each. Raises BadRequest."""
    found = expand({name: values for name, values in filters.items() if values}, queries.NAMED_FILTERS)
    return {name: [one for one in dict.fromkeys(found.get(name, ())) if one] for name in queries.SEARCHABLE}


def to_text(filters: Filters) -> str:
    """Return the text of the search field that says the same as filters."""
    return write(filters, queries.NAMED_FILTERS)


def address(filters: Filters, **more: str) -> str:
    """Return the path of the page with these filters."""
    given = {name: values for name, values in filters.items() if values} | {name: [one] for name, one in more.items()}
    return f"{PATH}?{urlencode(given, doseq=True)}" if given else PATH
