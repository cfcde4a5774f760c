"""The tables of jobs, processes and operators."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, Uuid, text

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("lane", String(64)),
    Column("run_at", UtcDateTime, nullable=False),
    Index(None, "run_at", "id"),  # for the time of the next job
    # for the due jobs: the oldest of each kind below its limit, and the first of each open lane, and no others
    Index(
        "ix_jobs_kinds",
        "kind",
        "run_at",
        "id",
        sqlite_where=text("lane IS NULL"),
        postgresql_where=text("lane IS NULL"),
    ),
    Index(
        "ix_jobs_lanes",
        *("lane", "run_at", "id"),
        sqlite_where=text("lane IS NOT NULL"),
        postgresql_where=text("lane IS NOT NULL"),
    ),
    sqlite_autoincrement=True,  # the engine tracks running jobs by id: ids must not be reused
)

lanes = Table(
    "lanes",
    metadata,
    Column("lane", String(64), primary_key=True),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("opens_at", UtcDateTime, nullable=False),  # none of its jobs starts before this time, on any machine
    sqlite_with_rowid=False,
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", Uuid, primary_key=True),  # one row for each process: a frozen one locks only its own
    Column("role", String(20), nullable=False),
    Column("beat_at", UtcDateTime, nullable=False),
    Column("channels", String(16)),  # a fingerprint: during a rollout processes have different configurations
    Column("secrets", JSON),  # fingerprints of those it accepts; NULL: a process of an earlier release
    Column("filler", LargeBinary),  # meaningless bytes: they make a heartbeat fail on a disk that is nearly full
)

actions = Table(
    "actions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("verb", String(20), nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reason", Text),
    Index(None, "subject_id"),  # for an event's page: its replays
    Index(None, "at", "id"),  # for the newest, by which open pages know that there was one
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    # the row stays until it expires: a login link makes one session, and not a second one after a logout
    Column("ended_at", UtcDateTime),
    Column("address", Text),
    # NULL: begun by a release without names, which knew the admin token alone
    Column("user_name", Text),
    Column("kind", String(20)),
    Column("groups", JSON),
    Column("user_agent", Text),
    sqlite_with_rowid=False,
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("next_step", Text),
    Column("address", Text),
    Column("user_agent", Text),
    Column("hook_id", String(64)),
    Column("skipped", Integer, key="earlier_count", nullable=False),  # ``Refusal.count`` without the post shown
    sqlite_autoincrement=True,  # the latest have the highest ids: ids must not be reused
)

hooks = Table(
    "hooks",
    metadata,
    Column("id", String(64), primary_key=True),  # the id that CircleCI gave
    Column("project", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
