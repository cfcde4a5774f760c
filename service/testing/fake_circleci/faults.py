"""Ways in which the pretend CircleCI can be told to misbehave, for a number of calls."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One misbehaviour.

    status   None: the true answer, only late or with other headers
    gate     the answer waits until somebody opens it: until then, a server that hangs. Open it before the server stops
    """

    status: int | None = None
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None


def broken(status: int, message: str = "Something unexpected happened.") -> Fault:
    """CircleCI's usual error: a status and a message."""
    return Fault(status=status, body=json.dumps({"message": message}).encode())


def too_many(retry_after: str | None) -> Fault:
    """The rate limit; CircleCI says when to come back in most cases, but not in all."""
    fault = broken(429, "Rate limit exceeded.")
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(status=fault.status, body=fault.body, headers=headers)


def html_page(status: int) -> Fault:
    """A proxy in front of CircleCI that speaks HTML."""
    return Fault(status=status, body=b"<html><h1>Bad Gateway</h1></html>", media_type="text/html")


class Faults:
    """The misbehaviour that lies ahead, in the order in which it was asked for."""

    def __init__(self) -> None:
        self._ahead: list[tuple[str, Fault]] = []

    def next(self, path: str, fault: Fault, *, times: int = 1) -> None:
        """Give this fault to the next calls whose path, below ``/api/v2``, fits the glob."""
        self._ahead += [(path, fault)] * times

    def take(self, path: str) -> Fault | None:
        """The fault that is due for a call, which uses it up."""
        due = next((entry for entry in self._ahead if fnmatchcase(path, entry[0])), None)
        if due is None:
            return None

        self._ahead.remove(due)
        return due[1]
