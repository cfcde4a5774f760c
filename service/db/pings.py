"""Checks of pooled connections: a dead one is replaced before it is used."""

import math
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

CHECK_EVERY_S = 1.0


def ping_rarely(engine: Engine, *, every_s: float = CHECK_EVERY_S) -> Engine:
    """Have the pool of an engine check a connection once a second at most; return it.

    A check is a round trip before each transaction, and takes as long as a statement. The server that is away for a
    moment is away for longer than that, and one error replaces all connections of the pool.
    """
    ping, pinged_at = engine.dialect.do_ping, WeakKeyDictionary[DBAPIConnection, float]()
    engine.dialect.do_ping = _pinging(ping, pinged_at, every_s)  # type: ignore[method-assign, assignment]  # reason: a pool has no setting for it
    return engine


def _pinging(
    ping: Callable[[DBAPIConnection], bool], pinged_at: WeakKeyDictionary[DBAPIConnection, float], every_s: float
) -> Callable[[DBAPIConnection], bool]:
    def do_ping(connection: DBAPIConnection) -> bool:
        now = time.monotonic()
        if now < pinged_at.get(connection, -math.inf) + every_s:
            return True
        is_alive = ping(connection)
        pinged_at[connection] = now
        return is_alive

    return do_ping
