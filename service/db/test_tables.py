"""The tables of tests that failed, of their results, and of these by day."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint, Uuid

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

# A job without test results is a row without a name.
tests = Table(
    "tests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Uuid, nullable=False),  # of project, job, class or file, and name
    Column("project_id", Text),
    Column("project_slug", Text),
    Column("project_name", Text),
    Column("job", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("class_name", Text),
    Column("file", Text),
    Column("first_failed_at", UtcDateTime, nullable=False),
    Column("last_failed_at", UtcDateTime, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "last_failed_at", "id"),
    Index(None, "project_id", "last_failed_at"),  # for watched tests
    sqlite_autoincrement=True,  # results name it by id: ids must not be reused
)

test_results = Table(
    "test_results",
    metadata,
    Column("test_id", Integer, primary_key=True),
    Column("run_id", Uuid, primary_key=True),
    Column("failed", Boolean, primary_key=True),  # one run may have both
    Column("track_id", Integer, nullable=False),
    Column("pipeline_number", BigInteger),
    Column("revision", Text),
    Column("at", UtcDateTime, nullable=False),
    Column("fingerprint", String(64)),
    Column("run_ms", Integer),
    Index(None, "run_id"),
    Index(None, "at"),
    Index(None, "fingerprint", "at"),
    sqlite_with_rowid=False,
)

test_days = Table(
    "test_days",
    metadata,
    Column("test_id", Integer, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("passes", Integer, nullable=False),
    Column("fails", Integer, nullable=False),
    Column("total_ms", BigInteger, nullable=False),
    Index(None, "day"),
    sqlite_with_rowid=False,
)
