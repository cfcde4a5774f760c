"""The parameters of pages that are lists, and the addresses that hold them."""

from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from service.errors import BadRequest
from service.text import clean
from service.web.pages.refresh import NO_REFRESH_PARAMETER
from service.web.parameters import single_valued_params

MAX_CHARACTERS = 400


def read_given(parameters: QueryParams) -> dict[str, str]:
    """Return the parameters of a page, without that which every page takes.

    Raises BadRequest for a repeated one.
    """
    given = single_valued_params(parameters)
    given.pop(NO_REFRESH_PARAMETER, None)
    return given


def read_asked(parameters: QueryParams, names: Collection[str]) -> dict[str, str]:
    """Return the parameters given, without empty ones. Raises BadRequest.

    names   those that the page has
    """
    given = read_given(parameters)
    if unknown := next((name for name in given if name not in names), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(names)}")
    cleaned = {name: clean(value).strip()[:MAX_CHARACTERS] for name, value in given.items()}
    return {name: value for name, value in cleaned.items() if value}


def refusal(parse: Callable[[], object], given: Collection[str], names: Collection[str]) -> str | None:
    """Return the reason why what a form asks for is refused; None if it is not.

    The page then shows it beside what was typed. Raises BadRequest for parameters that no form of it sends.

    names   those of the fields of the form
    """
    try:
        parse()
    except BadRequest as refused:
        if not set(given) <= set(names):
            raise
        return str(refused)
    return None


def has_empty(parameters: QueryParams) -> bool:
    """Return whether a form sent empty fields, which links to the page need not have."""
    return any(not value for _, value in parameters.multi_items())


def address(path: str, given: Mapping[str, str | None]) -> str:
    """Return a path with these parameters; those that are None or empty are left out."""
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{query}" if query else path
