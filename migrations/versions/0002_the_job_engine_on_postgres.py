"""The job engine's own tables, on Postgres: of the Procrastinate that this release is locked to."""

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DROP_ALL = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT tablename FROM pg_tables
        WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate%' LOOP
        EXECUTE format('DROP TABLE %I CASCADE', found.tablename);
    END LOOP;
    FOR found IN SELECT oid::regprocedure AS signature FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate%' LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', found.signature);
    END LOOP;
    FOR found IN SELECT typname FROM pg_type
        WHERE typnamespace = current_schema()::regnamespace AND typname LIKE 'procrastinate%'
        AND typtype IN ('e', 'c') LOOP
        EXECUTE format('DROP TYPE %I CASCADE', found.typname);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Make the engine's tables as the engine itself describes them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    _run(resources.files("procrastinate.sql").joinpath("schema.sql").read_text(encoding="utf-8"))
    # the sweeper asks whether a subject still has a job
    op.execute("CREATE INDEX ix_procrastinate_jobs_subject_id ON procrastinate_jobs ((args ->> 'subject_id'))")


def downgrade() -> None:
    """Drop them; jobs that were enqueued are gone, and the sweeper finds their work again."""
    if op.get_bind().dialect.name == "postgresql":
        _run(DROP_ALL)


def _run(script: str) -> None:
    """Run several statements as they are: a per cent sign in them means itself."""
    op.get_bind().connection.cursor().execute(script)
