"""The board: a tile for each project, to be read across a room."""

import asyncio
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.operations.json_shapes import Json, with_marks
from service.operations.overviews.board import read_board
from service.store.reports.changes import read_version
from service.web.auth.signed_addresses import LIVE, PARAMETER
from service.web.pages.context import PageContext
from service.web.pages.now import NAMES, REFRESH_EVERY_S, read_parameters, to_filter
from service.web.pages.refresh import may_refresh

BOARD_NAMES = {"project": "project", **{name: field for name, field in NAMES.items() if name != "mine"}}


async def show(context: PageContext, request: Request) -> Response:
    """Return the board, which its own signed address opens too."""
    await context.access.require_reader(request)
    shown = await _read(context, request)
    if not may_refresh(request):
        shown["version"] = None  # its script asks for changes of a version
    shown["live"] = context.access.signed(f"{LIVE}?{urlencode({'since': shown['version'] or ''})}")
    [projects] = with_marks(shown["projects"])
    shown |= {"projects": projects, "red_count": shown["red"], "refresh_s": REFRESH_EVERY_S}
    return await asyncio.to_thread(context.render, "board.html", None, **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the board shows as JSON."""
    await context.access.require(request)
    shown = await _read(context, request)
    del shown["version"]
    return JSONResponse(shown)


async def _read(context: PageContext, request: Request) -> Json:
    parameters = request.query_params
    given, _ = read_parameters(parameters, names={**BOARD_NAMES, PARAMETER: PARAMETER})
    given.pop(PARAMETER, None)
    wanted = to_filter(given, names=BOARD_NAMES)

    def read(transaction: Transaction) -> Json:
        shown = read_board(transaction, wanted, context.clock(), setting=context.setting())
        return {**shown, "version": read_version(transaction)}

    return await context.store.snapshot(read)
