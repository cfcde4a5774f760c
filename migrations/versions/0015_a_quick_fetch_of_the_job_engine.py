"""On Postgres, let the job engine fetch quickly while many jobs wait."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Procrastinate's own fetch takes a list of queues, for which no index gives the jobs in order: it walks the waiting
# jobs of all queues. This one takes a queue, and is else the same.
FETCH = """
CREATE FUNCTION roundsman_fetch_job_v1(target_queue_name character varying, p_worker_id bigint)
RETURNS procrastinate_jobs LANGUAGE plpgsql AS $$
DECLARE found_job procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.id FROM procrastinate_jobs AS jobs
        WHERE jobs.status = 'todo' AND jobs.queue_name = target_queue_name
        AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
        AND (jobs.lock IS NULL OR NOT EXISTS (
            SELECT 1 FROM procrastinate_jobs AS other WHERE other.lock = jobs.lock AND (
                other.status = 'doing' OR (other.status = 'todo' AND (
                    other.priority > jobs.priority OR (other.priority = jobs.priority AND other.id < jobs.id)
                ))
            )
        ))
        ORDER BY jobs.priority DESC, jobs.id LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id FROM candidate
    WHERE procrastinate_jobs.id = candidate.id RETURNING procrastinate_jobs.* INTO found_job;
    RETURN found_job;
END $$
"""
# A queue's tables are mostly dead rows: by default a vacuum waits until they are a fifth of all.
TABLES = ("procrastinate_jobs", "procrastinate_events")
VACUUM = {"autovacuum_vacuum_scale_factor": "0.01", "autovacuum_vacuum_threshold": "1000"}


def upgrade() -> None:
    """Add a fetch with an index of its own, and vacuum the engine's tables early."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "CREATE INDEX ix_procrastinate_jobs_fetch ON procrastinate_jobs (queue_name, priority DESC, id) "
        "WHERE status = 'todo'"
    )
    op.execute(FETCH)
    for table in TABLES:
        options = ", ".join(f"{name} = {value}" for name, value in VACUUM.items())
        op.execute(f"ALTER TABLE {table} SET ({options})")


def downgrade() -> None:
    """Leave both to the engine's own index and to the server's settings."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(VACUUM)})")
    op.execute("DROP FUNCTION roundsman_fetch_job_v1(character varying, bigint)")
    op.execute("DROP INDEX ix_procrastinate_jobs_fetch")
