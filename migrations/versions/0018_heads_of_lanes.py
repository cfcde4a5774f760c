"""Only the head of a lane has a job; the other messages wait as rows, each with its time.

A message that waits for details is due when that wait ends; before, its job alone knew the time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WAITS = "state = 'pending' OR state = 'sending'"
LANE = "coalesce(server_lane, channel_key)"
INDEXES = {"ix_notifications_lane_created": "created_at", "ix_notifications_lane_due": "next_attempt_at"}
HEADS = f"""
SELECT id, lane, due_at FROM (
    SELECT id, {LANE} AS lane, next_attempt_at AS due_at, row_number() OVER (
        PARTITION BY {LANE} ORDER BY state DESC, next_attempt_at, id
    ) AS place
    FROM notifications WHERE {WAITS}
) AS waiting WHERE place = 1
"""
TURN = {
    "sqlite": (
        """
        UPDATE notifications SET next_attempt_at = soonest.run_at
        FROM (SELECT subject_id, min(run_at) AS run_at FROM jobs WHERE kind = 'send' GROUP BY subject_id) AS soonest
        WHERE id = soonest.subject_id AND state = 'pending' AND attempts = 0 AND next_attempt_at < soonest.run_at
        """,
        "DELETE FROM jobs WHERE kind = 'send'",
        f"INSERT INTO jobs (kind, subject_id, lane, run_at) SELECT 'send', id, lane, due_at FROM ({HEADS})",
    ),
    "postgresql": (
        """
        UPDATE notifications SET next_attempt_at = soonest.run_at
        FROM (
            SELECT args ->> 'subject_id' AS subject_id, min(coalesce(scheduled_at, now())) AS run_at
            FROM procrastinate_jobs WHERE status = 'todo' AND args ->> 'kind' = 'send' GROUP BY 1
        ) AS soonest
        WHERE id::text = soonest.subject_id AND state = 'pending' AND attempts = 0 AND next_attempt_at < soonest.run_at
        """,
        "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND args ->> 'kind' = 'send'",
        f"""
        INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, scheduled_at)
        SELECT 'send', 'do', lane, jsonb_build_object('kind', 'send', 'subject_id', id::text), due_at
        FROM ({HEADS}) AS head
        """,
    ),
}


def upgrade() -> None:
    """Give each waiting message its time, and each lane one job in place of all."""
    for name, column in INDEXES.items():
        op.create_index(
            name,
            "notifications",
            [sa.text(LANE), "state", column, "id"],
            sqlite_where=sa.text(WAITS),
            postgresql_where=sa.text(WAITS),
        )
    for statement in TURN[op.get_bind().dialect.name]:
        op.execute(statement)
    op.drop_index("ix_jobs_subject_id", "jobs")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_procrastinate_jobs_subject_id", "procrastinate_jobs")


def downgrade() -> None:
    """Remove the indexes: the release before enqueues each message without a job by itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE INDEX ix_procrastinate_jobs_subject_id ON procrastinate_jobs ((args ->> 'subject_id'))")
    op.create_index("ix_jobs_subject_id", "jobs", ["subject_id"])
    for name in INDEXES:
        op.drop_index(name, "notifications")
