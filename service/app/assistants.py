"""The part that answers assistants: there only where its extra is installed."""

import importlib.util
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.routing import BaseRoute

from service.config.settings import Settings
from service.errors import BadConfig
from service.pipeline.context import Context
from service.web.auth.access import Access


class Assistants(Protocol):
    """The endpoint for assistants.

    A protocol because its class is there only where the extra is installed.
    """

    def routes(self) -> Sequence[BaseRoute]:
        """Return its routes."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Answer while the block runs."""


def answer_assistants(settings: Settings, access: Access, context: Context) -> Assistants | None:
    """Return the endpoint for assistants, if it is switched on.

    Raises BadConfig without its extra.
    """
    if not settings.mcp:
        return None
    if importlib.util.find_spec("mcp") is None:
        raise BadConfig(
            "ROUNDSMAN_MCP is true, and the extra is not installed: pip install 'roundsman[mcp]', or leave it out"
        )
    from service.web.mcp.endpoint import McpEndpoint  # noqa: PLC0415 - fails without the extra, which few install

    return McpEndpoint(context.store, access, context.clock)
