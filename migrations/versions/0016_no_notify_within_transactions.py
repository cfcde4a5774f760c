"""On Postgres, let no transaction that enqueues or ends jobs send a NOTIFY."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# From a NOTIFY on, the end of a transaction holds a lock of the whole server: commits of all processes go one by one.
# Workers are woken by one NOTIFY after the commit; those of the release before find jobs by their polls.
DROP = (
    "DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs",
    "DROP TRIGGER roundsman_given_back ON procrastinate_jobs",
    "DROP TRIGGER roundsman_lane_moved_on ON procrastinate_jobs",
    "DROP FUNCTION roundsman_lane_moved_on()",
)
MAKE = (
    """
    CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN (NEW.status = 'todo') EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1()
    """,
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


def upgrade() -> None:
    """Remove the triggers that send one: the engine's own, and those for lanes."""
    _run(DROP)


def downgrade() -> None:
    """Have the engine wake its workers by itself again."""
    _run(MAKE)


def _run(statements: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in statements:
            op.execute(statement)
