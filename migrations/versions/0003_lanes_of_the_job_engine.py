"""On Postgres, have long lanes of the job engine move on quickly."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The engine begins the first job of a lane only, and wakes its workers for new jobs, not for a job that has just
# become the first: without these, a lane's next job waits for a poll, and is found by looking through all before it.
MAKE = (
    "CREATE INDEX ix_procrastinate_jobs_lanes ON procrastinate_jobs (lock, id) WHERE status IN ('todo', 'doing')",
    """
    CREATE FUNCTION roundsman_lane_moved_on() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify(
            'procrastinate_queue_v1#' || OLD.queue_name,
            json_build_object('type', 'job_inserted', 'job_id', OLD.id)::text
        );
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER roundsman_lane_moved_on AFTER DELETE ON procrastinate_jobs
    FOR EACH ROW WHEN (OLD.lock IS NOT NULL) EXECUTE FUNCTION roundsman_lane_moved_on()
    """,
    """
    CREATE TRIGGER roundsman_given_back AFTER UPDATE OF status ON procrastinate_jobs
    FOR EACH ROW WHEN (NEW.status = 'todo') EXECUTE FUNCTION roundsman_lane_moved_on()
    """,
)
DROP = (
    "DROP TRIGGER roundsman_given_back ON procrastinate_jobs",
    "DROP TRIGGER roundsman_lane_moved_on ON procrastinate_jobs",
    "DROP FUNCTION roundsman_lane_moved_on()",
    "DROP INDEX ix_procrastinate_jobs_lanes",
)


def upgrade() -> None:
    """Wake workers when a lane moves on, and find what stands before a job by an index."""
    _run(MAKE)


def downgrade() -> None:
    """Leave lanes to the engine's polls."""
    _run(DROP)


def _run(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(statement)
