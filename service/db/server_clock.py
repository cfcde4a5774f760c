"""The clock of Postgres: read on each new connection, and when it is asked for."""

from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from service.clock import DatabaseClock, Reading


def follow_server_clock(engine: Engine, clock: DatabaseClock) -> Engine:
    """Have each new connection of an engine set a clock by the server's.

    So no row that is written is dated by this machine's own clock, which may be minutes off. Returns the engine.
    """

    @event.listens_for(engine, "connect")
    def follow(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        read_server_clock(connection, clock)
        connection.rollback()

    return engine


def read_server_clock(connection: DBAPIConnection | PoolProxiedConnection, clock: DatabaseClock) -> None:
    """Set a clock by the server's, which runs on in a transaction."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT 1")  # the journey that begins the transaction is none of the reading's
        before_s = clock.stopwatch()
        cursor.execute("SELECT clock_timestamp()")  # now() is that of the transaction's begin
        shown: datetime = cursor.fetchall()[0][0]
        clock.follow(Reading(time=shown.astimezone(UTC), before_s=before_s, after_s=clock.stopwatch()))
