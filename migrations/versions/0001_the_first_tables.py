"""The first tables: deliveries, events and what follows from them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    with op.batch_alter_table("actions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_actions_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('sending', 'sent', 'put off', 'dead', 'interrupted')", name=op.f("ck_attempts_outcome")
        ),
        sa.PrimaryKeyConstraint("notification_id", "number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('matched', 'already told', 'not matched', 'preceded')", name=op.f("ck_decisions_verdict")
        ),
        sa.PrimaryKeyConstraint("event_id", "round", "position", name=op.f("pk_decisions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_event_id", sa.String(length=200), nullable=False),
        sa.Column("via", sa.String(length=20), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signed_index", sa.Integer(), nullable=True),
        sa.Column("signed_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('kept', 'settled', 'dead', 'dismissed')", name=op.f("ck_deliveries_state")),
        sa.CheckConstraint("via IN ('webhook', 'reconcile')", name=op.f("ck_deliveries_via")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("source", "source_event_id", name=op.f("uq_deliveries_source_source_event_id")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deliveries_unsettled",
            ["state", "received_at"],
            unique=False,
            sqlite_where=sa.text("state <> 'settled'"),
            postgresql_where=sa.text("state <> 'settled'"),
        )

    op.create_table(
        "details",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_details")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("source_event_id", sa.String(length=200), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("via", sa.String(length=20), nullable=False),
        sa.Column("org", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("project_slug", sa.Text(), nullable=True),
        sa.Column("project_name", sa.Text(), nullable=True),
        sa.Column("pipeline_id", sa.Text(), nullable=True),
        sa.Column("pipeline_number", sa.BigInteger(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("workflow_name", sa.Text(), nullable=True),
        sa.Column("workflow_status", sa.Text(), nullable=True),
        sa.Column("workflow_url", sa.Text(), nullable=True),
        sa.Column("has_job", sa.Boolean(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("job_name", sa.Text(), nullable=True),
        sa.Column("job_number", sa.BigInteger(), nullable=True),
        sa.Column("job_status", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("tag", sa.Text(), nullable=True),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("commit_subject", sa.Text(), nullable=True),
        sa.Column("commit_author_name", sa.Text(), nullable=True),
        sa.Column("commit_author_email", sa.Text(), nullable=True),
        sa.Column("commit_url", sa.Text(), nullable=True),
        sa.Column("actor_id", sa.Text(), nullable=True),
        sa.Column("actor_login", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('workflow-completed', 'job-completed', 'ping')", name=op.f("ck_events_kind")),
        sa.CheckConstraint("via IN ('webhook', 'reconcile')", name=op.f("ck_events_via")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_events_branch_happened_at_id"),
            ["branch", "happened_at", "id"],
            unique=False,
            sqlite_where=sa.text("branch IS NOT NULL"),
            postgresql_where=sa.text("branch IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_events_happened_at_id"), ["happened_at", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_events_job_name_happened_at_id"),
            ["job_name", "happened_at", "id"],
            unique=False,
            sqlite_where=sa.text("job_name IS NOT NULL"),
            postgresql_where=sa.text("job_name IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_events_kind_happened_at_id"), ["kind", "happened_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_events_received_at_id"), ["received_at", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_events_status_happened_at_id"),
            ["status", "happened_at", "id"],
            unique=False,
            sqlite_where=sa.text("status IS NOT NULL"),
            postgresql_where=sa.text("status IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_events_tag_happened_at_id"),
            ["tag", "happened_at", "id"],
            unique=False,
            sqlite_where=sa.text("tag IS NOT NULL"),
            postgresql_where=sa.text("tag IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_events_workflow_name_happened_at_id"),
            ["workflow_name", "happened_at", "id"],
            unique=False,
            sqlite_where=sa.text("workflow_name IS NOT NULL"),
            postgresql_where=sa.text("workflow_name IS NOT NULL"),
        )

    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.String(length=64), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_run_at_id"), ["run_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_subject_id"), ["subject_id"], unique=False)
        batch_op.create_index(
            "ix_jobs_kinds",
            ["kind", "run_at", "id"],
            unique=False,
            sqlite_where=sa.text("lane IS NULL"),
            postgresql_where=sa.text("lane IS NULL"),
        )
        batch_op.create_index(
            "ix_jobs_lanes",
            ["lane", "run_at", "id"],
            unique=False,
            sqlite_where=sa.text("lane IS NOT NULL"),
            postgresql_where=sa.text("lane IS NOT NULL"),
        )

    op.create_table(
        "lanes",
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_lanes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("channel_key", sa.String(length=64), nullable=False),
        sa.Column("channel_label", sa.Text(), nullable=False),
        sa.Column("channel_kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'dead', 'dismissed')", name=op.f("ck_notifications_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("topic", "channel_key", name=op.f("uq_notifications_topic_channel_key")),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notifications_event_id"), ["event_id"], unique=False)
        batch_op.create_index(
            "ix_notifications_unsent",
            ["state", "next_attempt_at"],
            unique=False,
            sqlite_where=sa.text("state <> 'sent'"),
            postgresql_where=sa.text("state <> 'sent'"),
        )

    op.create_table(
        "words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("word", "happened_at", "event_id", name=op.f("pk_words")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop every table: all that was kept is gone."""
    op.drop_table("words")
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_notifications_unsent",
            sqlite_where=sa.text("state <> 'sent'"),
            postgresql_where=sa.text("state <> 'sent'"),
        )
        batch_op.drop_index(batch_op.f("ix_notifications_event_id"))

    op.drop_table("notifications")
    op.drop_table("lanes")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_subject_id"))
        batch_op.drop_index(
            "ix_jobs_lanes", sqlite_where=sa.text("lane IS NOT NULL"), postgresql_where=sa.text("lane IS NOT NULL")
        )
        batch_op.drop_index(
            "ix_jobs_kinds", sqlite_where=sa.text("lane IS NULL"), postgresql_where=sa.text("lane IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_jobs_run_at_id"))

    op.drop_table("jobs")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(
            batch_op.f("ix_events_workflow_name_happened_at_id"),
            sqlite_where=sa.text("workflow_name IS NOT NULL"),
            postgresql_where=sa.text("workflow_name IS NOT NULL"),
        )
        batch_op.drop_index(
            batch_op.f("ix_events_tag_happened_at_id"),
            sqlite_where=sa.text("tag IS NOT NULL"),
            postgresql_where=sa.text("tag IS NOT NULL"),
        )
        batch_op.drop_index(
            batch_op.f("ix_events_status_happened_at_id"),
            sqlite_where=sa.text("status IS NOT NULL"),
            postgresql_where=sa.text("status IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_events_received_at_id"))
        batch_op.drop_index(batch_op.f("ix_events_kind_happened_at_id"))
        batch_op.drop_index(
            batch_op.f("ix_events_job_name_happened_at_id"),
            sqlite_where=sa.text("job_name IS NOT NULL"),
            postgresql_where=sa.text("job_name IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_events_happened_at_id"))
        batch_op.drop_index(
            batch_op.f("ix_events_branch_happened_at_id"),
            sqlite_where=sa.text("branch IS NOT NULL"),
            postgresql_where=sa.text("branch IS NOT NULL"),
        )

    op.drop_table("events")
    op.drop_table("details")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_deliveries_unsettled",
            sqlite_where=sa.text("state <> 'settled'"),
            postgresql_where=sa.text("state <> 'settled'"),
        )

    op.drop_table("deliveries")
    op.drop_table("decisions")
    op.drop_table("attempts")
    with op.batch_alter_table("actions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_actions_subject_id"))

    op.drop_table("actions")
