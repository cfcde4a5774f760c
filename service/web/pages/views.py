"""Saved views on the page of builds, and the one that is shown."""

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations import saved_views
from service.operations.json_shapes import Json
from service.operations.saved_views import ViewUser
from service.web.pages.build_addresses import address, merge, to_text


def view_address(query: str) -> str:
    """Return the path of the builds of a view."""
    return address({"q": [query]})


def read_views(transaction: Transaction, user: ViewUser, query: str) -> Json:
    """Return the views that a user sees, and the one that is shown.

    query   the text of the search that is shown
    """
    views = saved_views.list_views(transaction, user)["items"]
    shown = next((one for one in views if _canonical(one["query"]) == query), None) if query else None
    return {
        "views": [{**one, "is_on": one is shown, "address": view_address(one["query"])} for one in views],
        "view": shown,
        "may_share": user.may_share,
        "max_name": saved_views.MAX_CHARACTERS["name"],
    }


def _canonical(query: str) -> str:
    """Return a query as the search field shows it; a text that is none as it is."""
    try:
        return to_text(merge({"q": [query]}))
    except BadRequest:  # of a release with other filters
        return query
