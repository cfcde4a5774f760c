"""Checks of pooled connections: once in a while, and each dead one is found then."""

from sqlalchemy import create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from service.db.pings import ping_rarely


class Counting:
    """A connection that is alive, and how often it was asked for that."""

    asked = 0


def ping(connection: DBAPIConnection) -> bool:
    assert isinstance(connection, Counting)
    connection.asked += 1
    return True


def asked(every_s: float) -> int:
    engine, connection = create_engine("sqlite://"), Counting()
    engine.dialect.do_ping = ping  # type: ignore[method-assign, assignment]  # reason: it stands for a server
    ping_rarely(engine, every_s=every_s)
    for _ in range(3):
        assert engine.dialect.do_ping(connection)  # type: ignore[arg-type]  # reason: the same
    return connection.asked


def test_a_connection_in_steady_use_is_not_pinged_each_time() -> None:
    assert asked(every_s=3600) == 1


def test_a_connection_is_pinged_again_once_that_is_due() -> None:
    assert asked(every_s=0) == 3
