"""Faults of the fake CircleCI, each for a number of calls."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of an answer.

    status   None: the true answer, only late or with other headers
    gate     the answer waits until the event is set: a server that hangs. Set it before the server stops
    """

    status: int | None = None
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None


def broken(status: int, message: str = "Something unexpected happened.") -> Fault:
    """Return CircleCI's usual error: a status and a message."""
    return Fault(status=status, body=json.dumps({"message": message}).encode())


def too_many(retry_after: str | None) -> Fault:
    """Return a 429; CircleCI's has a Retry-After in most cases, but not in all."""
    fault = broken(429, "Rate limit exceeded.")
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(status=fault.status, body=fault.body, headers=headers)


def html_page(status: int) -> Fault:
    """Return an HTML error, as of a proxy in front of CircleCI."""
    return Fault(status=status, body=b"<html><h1>Bad Gateway</h1></html>", media_type="text/html")


class Faults:
    """A queue of faults for the next calls, in the order in which they were added."""

    def __init__(self) -> None:
        self._ahead: list[tuple[str, Fault]] = []

    def next(self, path: str, fault: Fault, *, times: int = 1) -> None:
        """Add a fault for the next calls whose path, below the version, matches the glob."""
        self._ahead += [(path, fault)] * times

    def take(self, path: str) -> Fault | None:
        """Remove and return the fault for a call, or None."""
        due = next((entry for entry in self._ahead if fnmatchcase(path, entry[0])), None)
        if due is None:
            return None

        self._ahead.remove(due)
        return due[1]
