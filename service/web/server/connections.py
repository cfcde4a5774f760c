"""The registry of open connections: limits, eviction, time-outs."""

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import structlog

from service.web.server.limits import MAX_CONNECTIONS, Limits
from service.web.server.proxies import TrustedProxies

LOG_INTERVAL_S = 10.0  # between two log lines of one kind: an attack must not fill the log
EVICTION_DIVISOR = 32  # 1/32 of the candidates is evicted at once: a search through all of them takes a while

log = structlog.get_logger()


class Connection(Protocol):
    """A connection as the registry sees it.

    A protocol because the server's connections import this module, and no two modules import each other.

    client_addresses   the addresses it is counted by: its peer's, or those of the clients whose requests a proxy sent
    """

    client_addresses: list[str]

    def eviction_priority(self) -> tuple[int, float] | None:
        """Return a sort key, the first to evict first; None while a request is answered."""
        ...

    def evict(self) -> None:
        """Close at once."""
        ...

    def check(self, now: float) -> None:
        """Close the connection if a time limit of its state has passed."""
        ...


class Connections:
    """Counts connections and clients, evicts waiting ones, checks time-outs.

    on_refusal   called with the limit that refused a connection: ``all`` or ``client``
    """

    def __init__(
        self, limits: Limits, proxies: TrustedProxies, on_refusal: Callable[[str], object] = lambda _limit: None
    ) -> None:
        self.limits = limits
        self.proxies = proxies
        self._on_refusal = on_refusal
        self._open: dict[Connection, None] = {}
        self._by_address: Counter[str] = Counter()
        self._log_times: dict[str, tuple[float, int]] = {}
        self._checked_at = 0.0

    def admit(self, connection: Connection, address: str | None) -> bool:
        """Register a connection; False if it is over a limit and none can be evicted.

        address   the address that it counts for; None for a trusted proxy, whose clients are counted by request
        """
        limit = self.limits.max_connections
        if len(self._open) >= limit:
            has_room = self._evict_waiting(list(self._open))
            next_step = "" if limit >= MAX_CONNECTIONS else "; let the process open more files (ulimit -n, LimitNOFILE)"
            reason = f"{limit} connections at once are the limit{next_step}"
            self.warn("waiting connections are closed" if has_room else "connections are refused", reason=reason)
            if not has_room:
                self._on_refusal("all")
                return False
        if address is not None and not self.count(connection, address):
            return False
        self._open[connection] = None
        return True

    def count(self, connection: Connection, address: str) -> bool:
        """Count a client for a connection; False when the client is over its limit.

        Over the limit, a connection of the same client that only waits is evicted first, if there is one.
        """
        limit = self.limits.max_per_client
        if self._by_address[address] >= limit:
            has_room = self._evict_waiting([one for one in self._open if address in one.client_addresses])
            reason = f"{limit} connections or requests at once are the limit of one address"
            event = "waiting connections of a client are closed" if has_room else "a client is refused"
            self.warn(event, client=address, reason=reason)
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
        """Stop counting a closed connection; a second call changes nothing."""
        self._open.pop(connection, None)
        while connection.client_addresses:
            self.uncount(connection)

    def check_all(self, now: float) -> None:
        """Check the time limits of all connections; called several times a second.

        After a pause of the whole process, one round is left out: bytes that arrived in time have yet to be read.
        """
        was_paused, self._checked_at = now - self._checked_at > 1, now
        if not was_paused:
            for connection in list(self._open):
                connection.check(now)

    def warn(self, event: str, **facts: object) -> None:
        """Log a warning, at most one per event in LOG_INTERVAL_S.

        The next one has the number of those dropped.
        """
        now = monotonic()
        logged_at, dropped = self._log_times.get(event, (-LOG_INTERVAL_S, 0))
        if now - logged_at < LOG_INTERVAL_S:
            self._log_times[event] = (logged_at, dropped + 1)
            return
        self._log_times[event] = (now, 0)
        log.warning(event, **facts, unsaid_before=dropped)

    def _evict_waiting(self, candidates: list[Connection]) -> bool:
        """Close the connections that have waited longest; False when no candidate is idle."""
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
