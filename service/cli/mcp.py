"""The command for assistants: mcp."""

import importlib.util

from service.cli._database import with_store
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig

MISSING = "the extra is not installed: pip install 'roundsman[mcp]'"


def mcp() -> None:
    """Answer an assistant on standard input (MCP).

    The tools only read the database: what is red, why a build failed, whether a test is flaky, who was told and why
    not, what changed since the last green run, and the end of the log. A client starts this command, and speaks with it
    over standard input and output; it ends when its input is closed. It needs the extra roundsman[mcp].
    """
    if importlib.util.find_spec("mcp") is None:
        raise BadConfig(MISSING)
    from service.web.mcp.server import serve_stdio  # noqa: PLC0415 - it needs the extra

    async def serve(_: Settings, store: Store) -> None:
        await serve_stdio(store, store.clock)

    with_store(serve)
