"""The protocol of a source: a continuous integration service that posts to us."""

from collections.abc import Callable, Sequence
from typing import Protocol

from service.model import Delivery, DetailKind, Details, Event, SignatureMatch

JobFilter = Callable[[str], bool]


def every_job(_name: str) -> bool:
    """Return that a job is wanted."""
    return True


class Source(Protocol):
    """A CI that posts to us and answers questions.

    A protocol because it has two kinds of implementations: CircleCI, and sources for tests that fail on request.
    """

    @property
    def name(self) -> str:
        """Return its name in deliveries, also the last part of its hook's address."""
        ...

    @property
    def has_room(self) -> bool:
        """True if the source's limits leave room for more than messages need."""
        ...

    def require_signature(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raise BadSignature unless a post's headers hold one signature to check."""
        ...

    def verify(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> SignatureMatch:
        """Return the secret that signed the post; raise BadSignature if none did."""
        ...

    def identify(self, body: bytes) -> str:
        """Return the source's id of the event, or one made from the body. Never raises."""
        ...

    def find_hook(self, body: bytes) -> str | None:
        """Return the id of the hook that a post names, or None. Never raises."""
        ...

    def kept_headers(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
        """Return the headers to store with the delivery."""
        ...

    def parse(self, delivery: Delivery) -> Event:
        """Return the event in a delivery; raise Permanent if it is not understood."""
        ...

    async def enrich(
        self, event: Event, wants: frozenset[DetailKind], known: Details | None, *, passes_of: JobFilter = every_job
    ) -> Details:
        """Return the ``known`` details with the wanted ones added.

        passes_of   returns whether the test results of a job that passed are wanted, by its name

        Raises no error of the source's: the details that could not be had are in ``missing``.
        """
        ...

    async def default_branch(self, slug: str) -> str | None:
        """Return the default branch of a project; raises Temporary or Permanent."""
        ...

    async def branches(self, slug: str) -> frozenset[str]:
        """Return the branches of a project; none if there are too many to list all.

        Raises Temporary or Permanent.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
