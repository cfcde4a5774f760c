"""The board: a tile for each project, to be read across a room."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.operations.board import read_board
from service.operations.json_shapes import Json
from service.web.auth.signed_addresses import PARAMETER
from service.web.pages.context import PageContext
from service.web.pages.now import NAMES, REFRESH_EVERY_S, read_parameters, to_filter
from service.web.pages.refresh import may_refresh

BOARD_NAMES = {"project": "project", **{name: field for name, field in NAMES.items() if name != "mine"}}


async def show(context: PageContext, request: Request) -> Response:
    """Return the board, which its own signed address opens too."""
    await context.access.require_reader(request)
    shown = await _read(context, request)
    response = await asyncio.to_thread(context.render, "board.html", None, red_count=shown["red"], **shown)
    if may_refresh(request):
        response.headers["Refresh"] = str(REFRESH_EVERY_S)
    return response


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the board shows as JSON."""
    await context.access.require(request)
    return JSONResponse(await _read(context, request))


async def _read(context: PageContext, request: Request) -> Json:
    parameters = request.query_params
    given, _ = read_parameters(parameters, names={**BOARD_NAMES, PARAMETER: PARAMETER})
    given.pop(PARAMETER, None)
    wanted = to_filter(given, names=BOARD_NAMES)
    return await context.store.snapshot(read_board, wanted, context.clock(), setting=context.setting())
