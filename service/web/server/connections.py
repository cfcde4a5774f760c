"""The connections of one server: how many there may be, which of them make room, and which have taken too long."""

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import structlog

from service.web.server.limits import MAX_CONNECTIONS, Limits
from service.web.server.proxies import TrustedProxies

LOG_INTERVAL_S = 10.0  # between two lines about the same: an attack must not fill the log
EVICTION_DIVISOR = 32  # the part of all connections that makes room at a time: to look for them takes a while

log = structlog.get_logger()


class Connection(Protocol):
    """What is counted, and asked how it does.

    client_addresses   the addresses that it counts for: its peer's, or those of the clients whose requests a proxy sent
    """

    client_addresses: list[str]

    def eviction_priority(self) -> tuple[int, float] | None:
        """Return a key by which those that may make room are sorted; None while a request is answered."""
        ...

    def evict(self) -> None:
        """Close at once."""
        ...

    def check(self, now: float) -> None:
        """Close what takes too long."""
        ...


class Connections:
    """Counts connections and clients, finds room for new ones, and looks after the slow.

    on_refusal   called with the limit that refused one: ``all`` or ``client``
    """

    def __init__(
        self, limits: Limits, proxies: TrustedProxies, on_refusal: Callable[[str], object] = lambda _limit: None
    ) -> None:
        self.limits = limits
        self.proxies = proxies
        self._on_refusal = on_refusal
        self._open: dict[Connection, None] = {}
        self._by_address: Counter[str] = Counter()
        self._notices: dict[str, tuple[float, int]] = {}
        self._checked_at = 0.0

    def admit(self, connection: Connection, address: str | None) -> bool:
        """Take a connection in, of an address that counts; others that only wait make room for it if need be."""
        limit = self.limits.max_connections
        if len(self._open) >= limit:
            has_room = self._evict_waiting(list(self._open))
            next_step = "" if limit >= MAX_CONNECTIONS else "; let the process open more files (ulimit -n, LimitNOFILE)"
            reason = f"{limit} connections at once are the limit{next_step}"
            self.note("waiting connections are closed" if has_room else "connections are refused", reason=reason)
            if not has_room:
                self._on_refusal("all")
                return False
        if address is not None and not self.count(connection, address):
            return False
        self._open[connection] = None
        return True

    def count(self, connection: Connection, address: str) -> bool:
        """Count a client for a connection; False when it has too many, and none of them only waits."""
        limit = self.limits.max_per_client
        if self._by_address[address] >= limit:
            has_room = self._evict_waiting([one for one in self._open if address in one.client_addresses])
            reason = f"{limit} connections or requests at once are the limit of one address"
            event = "waiting connections of a client are closed" if has_room else "a client is refused"
            self.note(event, client=address, reason=reason)
            if not has_room:
                self._on_refusal("client")
                return False
        self._by_address[address] += 1
        connection.client_addresses.append(address)
        return True

    def uncount(self, connection: Connection) -> None:
        """Stop counting the client that was counted first for a connection."""
        if connection.client_addresses:
            self._subtract(connection.client_addresses.pop(0))

    def release(self, connection: Connection) -> None:
        """Stop counting a connection that is gone; harmless when it was released before."""
        self._open.pop(connection, None)
        while connection.client_addresses:
            self.uncount(connection)

    def sweep(self, now: float) -> None:
        """Have each connection that is due looked at: several times a second.

        After a pause of the whole process what had arrived in time has yet to be read: everyone gets another round.
        """
        was_paused, self._checked_at = now - self._checked_at > 1, now
        if not was_paused:
            for connection in list(self._open):
                connection.check(now)

    def note(self, event: str, **facts: object) -> None:
        """Write a line to the log, unless the same was said a moment ago; the next one says how often."""
        now = monotonic()
        said_at, unsaid = self._notices.get(event, (-LOG_INTERVAL_S, 0))
        if now - said_at < LOG_INTERVAL_S:
            self._notices[event] = (said_at, unsaid + 1)
            return
        self._notices[event] = (now, 0)
        log.warning(event, **facts, unsaid_before=unsaid)

    def _evict_waiting(self, candidates: list[Connection]) -> bool:
        """Close those that have waited longest, for a request or for a client; False when none only waits."""
        waiting = [(priority, one) for one in candidates if (priority := one.eviction_priority()) is not None]
        waiting.sort(key=lambda pair: pair[0])
        chosen = waiting[: len(candidates) // EVICTION_DIVISOR + 1]
        for _, connection in chosen:
            connection.evict()
            self.release(connection)
        return bool(chosen)

    def _subtract(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
