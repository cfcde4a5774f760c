"""The parameters of requests to the API."""

import re
from collections import Counter

from starlette.datastructures import QueryParams

from service.errors import BadRequest
from service.operations import queries

MAX_PARAMETERS = 100


def checked_params(parameters: QueryParams) -> list[tuple[str, str]]:
    """Return the query parameters. Raises BadRequest for over MAX_PARAMETERS."""
    given = parameters.multi_items()
    if len(given) > MAX_PARAMETERS:
        raise BadRequest(f"there are {len(given)} parameters; no request needs more than {MAX_PARAMETERS}")
    return given


def single_valued_params(parameters: QueryParams) -> dict[str, str]:
    """Return the query parameters. Raises BadRequest for a repeated one."""
    names = Counter(name for name, _ in checked_params(parameters))
    if twice := next((name for name, count in names.items() if count > 1), None):
        raise BadRequest(f"{twice!a} stands twice; give it once")
    return dict(parameters)


def page_params(parameters: QueryParams, *, limit: int = 50) -> tuple[dict[str, list[str]], int, str | None]:
    """Return the filters of a list with all their values, its limit and its cursor."""
    checked_params(parameters)  # a check of their number: collecting the values takes time that grows with its square
    once = _single_valued(parameters, "limit", "cursor")
    filters = {name: parameters.getlist(name) for name in parameters if name not in once}
    return filters, _parse_limit(once.get("limit", str(limit))), once.get("cursor")


def _single_valued(parameters: QueryParams, *names: str) -> dict[str, str]:
    """Return the parameters with these names. Raises BadRequest for a repeated one."""
    return single_valued_params(
        QueryParams([(name, value) for name, value in parameters.multi_items() if name in names])
    )


def _parse_limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):  # int() itself refuses numbers with thousands of digits
        raise BadRequest(f"limit must be a whole number from 1 to {queries.MAX_PAGE_SIZE}")
    return int(text)
