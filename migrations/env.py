"""How Alembic reaches the database: the address comes from whoever calls, never from a file."""

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from service.tables import metadata

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
        render_as_batch=not is_postgres,  # SQLite alters a table by copying it
    )
    with context.begin_transaction():
        context.run_migrations()


engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with engine.connect() as connection:
    run(connection)
engine.dispose()
