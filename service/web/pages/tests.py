"""The page of tests, and that of one test; each with its rows as JSON."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.operations.checks.suggestions import suggest_branches, suggest_projects
from service.operations.json_shapes import Json, with_marks
from service.operations.queries import to_id
from service.operations.test_history.one_test import read_test
from service.operations.test_history.tests import TestSearch, to_state
from service.operations.test_history.tests_page import SECTIONS
from service.store.test_history.test_list import TestFilter
from service.web.pages.asked import address, has_empty, read_asked
from service.web.pages.context import PageContext, redirect

PATH = "/tests"
NAMES = ("project", "branch", "state", "cursor")
HEADINGS = {
    "failing": "Failing now",
    "new": "Newly failing",
    "flaky": "Flaky",
    "slow": "Slow",
}
MEANINGS = {
    "failing": "They failed in the last run of a branch: on default branches first, the longest failing first.",
    "new": "They failed in the last run of a branch, and passed in the run before.",
    "flaky": "They passed and failed at the same commit, or flip often on a default branch.",
    "slow": "They take 10 s or more in the mean of the last 30 days, the slowest first.",
}
MAX_SUGGESTED = 100


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of tests: all states, or one page of one state."""
    session = await context.access.require_session(request)
    given = read_asked(request.query_params, NAMES)
    if has_empty(request.query_params):
        return redirect(address(PATH, given))
    shown = await context.read(_read, context, given)
    return await context.render_page(request, session, "tests.html", **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page of tests shows as JSON."""
    await context.access.require(request)
    given = read_asked(request.query_params, NAMES)
    return JSONResponse(await context.store.snapshot(_rows, context, given))


async def show_one(context: PageContext, request: Request) -> Response:
    """Return the page of one test."""
    session = await context.access.require_session(request)
    shown = await context.read(_read_one, context, request.path_params["id"])
    return await context.render_page(request, session, "test.html", **shown)


async def show_one_json(context: PageContext, request: Request) -> Response:
    """Return what the page of one test shows as JSON."""
    await context.access.require(request)
    return JSONResponse(await context.store.snapshot(_row, context, request.path_params["id"]))


def _rows(transaction: Transaction, context: PageContext, given: Mapping[str, str]) -> Json:
    wanted, now = TestFilter(project=given.get("project"), branch=given.get("branch")), context.clock()
    state = to_state([given["state"]] if "state" in given else [])
    if state is None:
        return context.tests.read(transaction, now, wanted)
    return context.tests.read_state(transaction, now, TestSearch(wanted=wanted, state=state), given.get("cursor"))


def _row(transaction: Transaction, context: PageContext, test_id: str) -> Json:
    return read_test(transaction, context.clock(), to_id(test_id), from_file=context.known_problems())


def _read_one(transaction: Transaction, context: PageContext, test_id: str) -> Json:
    return {"test": _row(transaction, context, test_id)}


def _read(transaction: Transaction, context: PageContext, given: Mapping[str, str]) -> Json:
    shown, state = _rows(transaction, context, given), given.get("state")
    filters = {name: given.get(name) for name in ("project", "branch")}
    chips = [_chip(filters, one, is_on=one == state) for one in map(str, SECTIONS)]
    following = shown.get("next")
    sections = shown.get("sections") or {state: {"count": None, "items": shown["items"]}}
    marked = with_marks(*(one["items"] for one in sections.values()))
    return shown | {
        "given": {name: given.get(name) for name in NAMES},
        "filters": filters,
        "chips": chips,
        "headings": HEADINGS,
        "meanings": MEANINGS,
        "sections": {
            name: {**one, "items": items} for (name, one), items in zip(sections.items(), marked, strict=True)
        },
        "all_address": address(PATH, filters),
        "addresses": {str(one): address(PATH, {**filters, "state": one}) for one in SECTIONS},
        "is_empty": state is None and not any(one["items"] for one in shown["sections"].values()),
        "newest": address(PATH, {**filters, "state": state}) if "cursor" in given else None,
        "older": address(PATH, {**filters, "state": state, "cursor": following}) if following else None,
        "projects": suggest_projects(transaction, limit=MAX_SUGGESTED),
        "known_branches": suggest_branches(transaction, given.get("project"), limit=MAX_SUGGESTED),
    }


def _chip(filters: Mapping[str, str | None], state: str, *, is_on: bool) -> Json:
    leads_to = {**filters, "state": None if is_on else state}
    return {"state": state, "words": HEADINGS[state], "is_on": is_on, "address": address(PATH, leads_to)}
