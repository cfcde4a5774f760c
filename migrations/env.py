"""How Alembic reaches the database: the engine comes from the caller, its address never from a file."""

from alembic import context
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.pool import PoolProxiedConnection

from service.db.tables import metadata

LOCK = 7_283_911  # any number will do, so long as it is ours and stays: one migration at a time, on Postgres


def run(connection: Connection) -> None:
    """Apply what is asked for, each migration in a transaction of its own."""
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres:
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        transactional_ddl=True,
        render_as_batch=not is_postgres,  # SQLite alters a table by copying it
    )
    with context.begin_transaction():
        context.run_migrations()


def begin_for_real(engine: Engine) -> None:
    """Have SQLite make a migration whole or not at all: Python's driver would commit each CREATE TABLE by itself."""

    @event.listens_for(engine, "connect")
    def prepare(connection: PoolProxiedConnection, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # reason: sqlite3's own attribute

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


engine: Engine = context.config.attributes["engine"]
if engine.dialect.name == "sqlite":
    begin_for_real(engine)
with engine.connect() as connection:
    run(connection)
engine.dispose()
