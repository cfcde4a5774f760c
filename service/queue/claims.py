"""Claims on queue jobs: a worker may act only for jobs that are still its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from service.db.tables import Transaction

Claim = Callable[[Transaction], bool]
"""Tells within a transaction whether a job is still ours; if so, it stays ours until the transaction ends."""


def _is_held(_transaction: Transaction) -> bool:
    return True


_CURRENT: ContextVar[Claim] = ContextVar("claim", default=_is_held)


def current_claim() -> Claim:
    """Return the claim on the job that runs in this task; always held outside of jobs."""
    return _CURRENT.get()


@contextmanager
def claimed(claim: Claim) -> Iterator[None]:
    """Make a claim the current one of this task."""
    token = _CURRENT.set(claim)
    try:
        yield
    finally:
        _CURRENT.reset(token)
