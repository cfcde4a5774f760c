"""A post at the hook, read from ASGI without Starlette's request."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope


@dataclass(kw_only=True)
class Post:
    """A post whose body has yet to be read.

    id      of the delivery that it may become
    facts   added to the log line of the request
    """

    id: UUID
    scope: Scope
    receive: Receive
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The header fields in the order received, names in lower case."""
        headers: list[tuple[bytes, bytes]] = self.scope["headers"]
        return headers

    def header(self, name: bytes) -> str:
        """Return the first value of a header field; "" without one."""
        return self._first_values.get(name, b"").decode("latin-1")

    @cached_property
    def _first_values(self) -> dict[bytes, bytes]:
        return dict(reversed(self.headers))

    @property
    def content_length(self) -> int:
        """The announced length of the body; 0 without a valid one."""
        length = self.header(b"content-length")
        return int(length) if length.isascii() and length.isdigit() else 0

    @property
    def client_address(self) -> str | None:
        """The IP address of the client, if it is known."""
        client = self.scope.get("client")
        return client[0] if client else None

    async def read_chunk(self) -> tuple[bytes, bool]:
        """Return the next piece of the body, and whether more may follow.

        Raises ClientDisconnect.
        """
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return message.get("body", b""), message.get("more_body", False)
