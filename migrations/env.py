"""Alembic's environment: the engine comes from the caller, no address from a file."""

from alembic import context
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.pool import PoolProxiedConnection

from service.db.tables import metadata

# The advisory lock of migrations on Postgres, one at a time: an arbitrary number, which must not change.
MIGRATION_LOCK = 7_283_911


def run(connection: Connection) -> None:
    """Run the requested migrations, each in a transaction of its own.

    The first tables of a new SQLite file come in one: each commit waits for the disk.
    """
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        connection.commit()
    is_new = not inspect(connection).has_table("alembic_version")
    connection.commit()  # of what was read: Alembic commits only a transaction that it began
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=is_postgres or not is_new,
        transactional_ddl=True,
        render_as_batch=not is_postgres,  # SQLite alters a table by copying it
    )
    with context.begin_transaction():
        context.run_migrations()


def begin_explicitly(engine: Engine) -> None:
    """Make each migration on SQLite one transaction: all or nothing.

    Python's driver would otherwise commit each CREATE TABLE by itself.
    """

    @event.listens_for(engine, "connect")
    def prepare(connection: PoolProxiedConnection, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # reason: sqlite3's own attribute

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


engine: Engine = context.config.attributes["engine"]
if engine.dialect.name == "sqlite":
    begin_explicitly(engine)
with engine.connect() as connection:
    run(connection)
engine.dispose()
