"""Where events come from: what the rest of the service asks of a continuous integration service."""

from collections.abc import Sequence
from typing import Protocol

from service.model import Delivery, DetailKind, Details, Event, SignatureMatch


class Source(Protocol):
    """A CI that posts to us and answers questions."""

    @property
    def name(self) -> str:
        """What deliveries call it; also the last part of its hook's address."""
        ...

    def require_signature(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raise BadSignature unless the headers of a post hold one signature that its body can be checked by."""
        ...

    def verify(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> SignatureMatch:
        """Which of our secrets signed the post; raises BadSignature."""
        ...

    def identify(self, body: bytes) -> str:
        """The source's own id of the event, or one made from the body; never raises."""
        ...

    def find_hook(self, body: bytes) -> str | None:
        """Return the id of the hook that a post says it is from; None when it says none. Never raises."""
        ...

    def kept_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
        """The headers worth keeping with the delivery."""
        ...

    def parse(self, delivery: Delivery) -> Event:
        """The fact that a delivery carries; raises Permanent when it is not understood."""
        ...

    async def enrich(self, event: Event, wants: frozenset[DetailKind], known: Details | None) -> Details:
        """Ask for what the event does not say; what cannot be had is in ``missing``, nothing is raised."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
