"""The tables, as SQLAlchemy Core values that run alike on SQLite and Postgres.

These rows are the single source of truth: a job carries ids only, and its handler reads from the rows whether there is
still work to do.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
    text,
)

from service.db.columns import BytewiseText, IntegerArray, UtcDateTime, enum_check
from service.db.guard_tables import guard_changes, guard_snapshots
from service.db.hold_tables import holds
from service.db.hook_tables import hook_states, secret_uses
from service.db.insight_tables import insights
from service.db.living_tables import living_messages
from service.db.metadata import Transaction, metadata
from service.db.process_tables import actions, heartbeats, hooks, jobs, lanes, refusals, sessions
from service.db.quiet_tables import alarms, known_problems, silences
from service.db.reconcile_tables import call_budgets, pipelines_to_ask, project_backfills, reconciled_projects
from service.db.seal_tables import seal_blankings, seal_removals, sealed_rows, seals
from service.db.span_tables import spans
from service.db.test_tables import test_days, test_results, tests
from service.db.track_tables import backfills, incidents, runs, told, tracks
from service.db.usage_tables import usage_exports, usage_figures
from service.db.view_tables import saved_views
from service.model import (
    DeliveryState,
    EventKind,
    FetchPurpose,
    News,
    NotificationState,
    Outcome,
    Via,
)

__all__ = [
    "EVENT_TERMS",
    "INDEXED_COLUMNS",
    "Transaction",
    "actions",
    "alarms",
    "attempts",
    "backfills",
    "call_budgets",
    "decisions",
    "deliveries",
    "details",
    "events",
    "fetches",
    "guard_changes",
    "guard_snapshots",
    "heartbeats",
    "holds",
    "hook_states",
    "hooks",
    "incidents",
    "insights",
    "is_unsent",
    "is_unsettled",
    "jobs",
    "known_problems",
    "lanes",
    "living_messages",
    "metadata",
    "names",
    "notifications",
    "pipelines_to_ask",
    "project_backfills",
    "reconciled_projects",
    "refusals",
    "routes_versions",
    "runs",
    "saved_views",
    "seal_blankings",
    "seal_removals",
    "sealed_rows",
    "seals",
    "secret_uses",
    "sessions",
    "silences",
    "spans",
    "test_days",
    "test_results",
    "tests",
    "told",
    "tracks",
    "usage_exports",
    "usage_figures",
]

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", String(40), nullable=False),
    Column("source_event_id", String(200), nullable=False),
    Column("via", String(20), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("headers", JSON, nullable=False),  # usual ones by number: store/usual_values.py
    Column("body", LargeBinary, nullable=False),
    Column("body_dictionary", SmallInteger),  # of its compression; NULL: the body is stored as it is
    Column("signed_index", Integer),
    Column("signed_fingerprint", String(64)),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("put_offs", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcDateTime),  # a kept delivery is decided on from then on; NULL: at once
    UniqueConstraint("source", "source_event_id"),  # a repeated delivery is not stored twice
    enum_check("state", DeliveryState),
    enum_check("via", Via),
    # for the workers, which claim kept rows, and the dead letters; it leaves out settled rows, which are nearly all. A
    # query must have ``is_unsettled`` beside its condition on the state: SQLite does not infer the one from the other
    Index(
        "ix_deliveries_unsettled",
        "state",
        "received_at",
        sqlite_where=text("state <> 'settled'"),
        postgresql_where=text("state <> 'settled'"),
    ),
    Index(
        "ix_deliveries_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
)

is_unsettled = deliveries.c.state != literal_column("'settled'")

INDEXED_COLUMNS = ("branch", "tag", "workflow_name", "job_name", "status")
"""The columns that searches filter by, beside the kind, and that not every event has."""

events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("source_event_id", String(200), nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("via", String(20), nullable=False),
    Column("org", Text),
    Column("project_id", Text),
    Column("project_slug", Text),
    Column("project_name", Text),
    Column("pipeline_id", Text),
    Column("pipeline_number", BigInteger),
    Column("pipeline_definition_id", Text),
    Column("workflow_id", Text),
    Column("workflow_name", Text),
    Column("workflow_status", Text),
    Column("workflow_url", Text),  # "~": of the usual form; the commit's likewise
    Column("has_job", Boolean, nullable=False),  # true also for a job whose other columns are all NULL
    Column("job_id", Text),
    Column("job_name", Text),
    Column("job_number", BigInteger),
    Column("job_status", Text),
    Column("status", Text),
    Column("branch", Text),
    Column("tag", Text),
    Column("revision", Text),
    Column("commit_subject", Text),
    Column("commit_author_name", Text),
    Column("commit_author_email", Text),
    Column("commit_url", Text),
    Column("actor_id", Text),
    Column("actor_login", Text),
    Column("actor_name", Text),
    Column("trigger", Text),
    Column("duration_ms", BigInteger),
    Column("queue_ms", BigInteger),
    Column("workflow_auto_rerun_number", Integer),
    Column("workflow_max_auto_reruns", Integer),
    Column("workflow_is_setup", Boolean),
    Column("pull_request_number", BigInteger),
    Column("pull_request_url", Text),
    Column("place", BigInteger),  # in the order of time; each has one, which stays
    Column("terms", IntegerArray),  # the numbers of its search terms; NULL on SQLite, whose index is ``event_terms``
    enum_check("kind", EventKind),
    enum_check("via", Via),
    Index(None, "place", unique=True),  # for lists, newest first
    Index(
        None,
        "terms",
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},  # in kB: a search reads the whole of that list
        sqlite_where=text("terms IS NOT NULL"),
    ),
    Index(None, "received_at", "id"),  # for retention, oldest first
)

EVENT_TERMS = """
    CREATE VIRTUAL TABLE event_terms USING fts5(
        terms, content='', detail=none, columnsize=0, tokenize="ascii tokenchars '@#=%_.-~'"
    )
"""
"""The inverted index of SQLite: it has the places of events for each search term, and no text."""

# Each value that searches filter by, once, with its case-folded form. They are compared byte by byte, so that values
# with the same beginning are neighbors.
names = Table(
    "names",
    metadata,
    Column("field", String(20), primary_key=True),
    Column("folded", BytewiseText, primary_key=True),
    Column("name", BytewiseText, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),  # updated once a day at most, not for each event
    Index(None, "field", "seen_at"),  # for suggestions, and for retention
    sqlite_with_rowid=False,
)

details = Table(
    "details",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("rounds", Integer, nullable=False),
    Column("asked_at", UtcDateTime),
    Column("body", JSON, nullable=False),
    Column("has_tests", Boolean),  # of failed jobs; NULL: they were not asked for
    # it answers whether tests are known without the row, whose body may be large
    Index(
        "ix_details_with_tests",
        *("event_id", "has_tests"),
        sqlite_where=text("has_tests"),
        postgresql_where=text("has_tests"),
    ),
)

# Events whose details are to be fetched. A claim moves ``due_at`` to the end of its lease: a process that dies
# meanwhile leaves a row that is due again.
fetches = Table(
    "fetches",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("purpose", String(20), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    enum_check("purpose", FetchPurpose),
    Index(None, "purpose", "due_at"),
    sqlite_with_rowid=False,
)

# The routes of each state of roundsman.yaml by which an event was judged.
routes_versions = Table(
    "routes_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("routes", JSON, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),  # updated once a day at most; retention goes by it
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,  # decisions name it by id: ids must not be reused
)

# One row for all routes: the verdicts are those of the routes that matched, such as "m0 p3-7", and a reason is worked
# out from routes and event when it is looked at.
decisions = Table(
    "decisions",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("round", Integer, primary_key=True),  # a replay decides again; the earlier decisions are kept
    Column("routes_version", Integer),  # NULL: the notes have the reasons in words
    Column("verdicts", Text, nullable=False),
    Column("is_told", Boolean, nullable=False),  # for the filter ``told``
    Column("absent_facts", SmallInteger, nullable=False),  # bits: the event has got these facts later, if at all
    Column("notes", JSON(none_as_null=True)),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("run", String(12)),  # transition and streak as judged: store/events/decisions.py; NULL: not of a workflow
    Index(None, "decided_at"),  # for the seals, which cover the newest
    sqlite_with_rowid=False,
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid),  # NULL: it is about no event
    Column("topic", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("channel_key", String(64), nullable=False),
    Column("channel_label", Text, nullable=False),
    Column("channel_kind", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("give_up_at", UtcDateTime, nullable=False),
    Column("reason", Text),
    Column("sent_at", UtcDateTime),
    Column("title", Text),
    Column("words", Text),
    Column("server_lane", String(64)),
    Column("unknown_since", UtcDateTime),  # since then no worker has had its channel in roundsman.yaml
    Column("news", String(16), nullable=False, server_default=text("'run'")),
    Column("track_id", Integer),  # of its news, where they are of a track
    Column("incident_id", Uuid),
    Column("waits_for", String(16)),  # until ``next_attempt_at``; NULL: for nothing but its turn
    Column("told_in", Uuid),  # the notification whose message tells it with others
    # of its event, to be found by; NULL: it is about none, or of a release that did not write them
    Column("project_slug", Text),
    Column("project_name", Text),
    UniqueConstraint("topic", "channel_key"),  # one topic is sent to a channel once
    enum_check("state", NotificationState),
    enum_check("news", News),
    Index(None, "event_id"),  # for an event's page
    Index(
        "ix_notifications_of_tracks",
        "track_id",
        sqlite_where=text("track_id IS NOT NULL AND (state = 'pending' OR state = 'sending')"),
        postgresql_where=text("track_id IS NOT NULL AND (state = 'pending' OR state = 'sending')"),
    ),
    # for the news that one message tells, and those of a track that are not told yet
    *(
        Index(f"ix_notifications_{name}", column, sqlite_where=text(rows), postgresql_where=text(rows))
        for name, column, rows in (
            ("told_in", "told_in", "told_in IS NOT NULL"),
            ("untold_in", "track_id", "told_in IS NOT NULL AND state = 'dropped'"),
        )
    ),
    # for the list of notifications: all, of a receiver, of a channel, of a project, and of each state but sent
    Index(None, "created_at", "id"),
    *(
        Index(None, column, "created_at", "id")
        for column in ("receiver", "channel_label", "project_slug", "project_name")
    ),
    Index(
        "ix_notifications_without_project",
        "id",
        sqlite_where=text("event_id IS NOT NULL AND project_slug IS NULL AND project_name IS NULL"),
        postgresql_where=text("event_id IS NOT NULL AND project_slug IS NULL AND project_name IS NULL"),
    ),
    Index(
        "ix_notifications_unsent_states",
        *("state", "created_at", "id"),
        sqlite_where=text("state <> 'sent'"),
        postgresql_where=text("state <> 'sent'"),
    ),
    # for the heads of lanes, and the lanes without one
    *(
        Index(
            f"ix_notifications_lane_{name}",
            *(text("coalesce(server_lane, channel_key)"), "state", column, "id"),
            sqlite_where=text("state = 'pending' OR state = 'sending'"),
            postgresql_where=text("state = 'pending' OR state = 'sending'"),
        )
        for name, column in (("created", "created_at"), ("due", "next_attempt_at"))
    ),
    # for the dead letters; it leaves out sent rows, which are nearly all. Queries need ``is_unsent``
    Index(
        "ix_notifications_unsent",
        "state",
        "next_attempt_at",
        sqlite_where=text("state <> 'sent'"),
        postgresql_where=text("state <> 'sent'"),
    ),
)

is_unsent = notifications.c.state != literal_column("'sent'")

attempts = Table(
    "attempts",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text),
    Column("receipt", Text),
    Column("title", Text),  # the message; NULL where the attempt before had the same
    Column("words", Text),
    enum_check("outcome", Outcome),
    Index(None, "ended_at"),  # for the seals
    sqlite_with_rowid=False,
)
