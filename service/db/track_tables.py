"""The tables of runs, their tracks and incidents, and what channels were told."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from service.db.columns import UtcDateTime, enum_check
from service.db.metadata import metadata
from service.model import Closing, Color, IncidentClass, Transition

OF_DEFAULT_BRANCH = (
    "branch = coalesce(own_default, posted_default, CASE WHEN branch IN ('main', 'master') THEN branch END)"
)
"""The condition of an index: a query uses the index only if it has these very words."""

# The runs of a workflow on a branch follow each other; those without a branch are together, each by itself.
tracks = Table(
    "tracks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Uuid, nullable=False),  # of project, workflow and branch, and the pipeline definition if named
    Column("project_id", Text),
    Column("project_slug", Text),
    Column("project_name", Text),
    Column("workflow", Text),
    Column("branch", Text),
    Column("definition_id", Text),  # NULL: of a release that did not read it
    # of its project: the default branch by posts and by roundsman.yaml, and when a silent red expires
    Column("posted_default", Text),
    Column("own_default", Text),
    Column("expire_s", Integer),
    # the state after its newest run, so that one that follows it needs no other row
    Column("newest_pipeline", BigInteger),
    Column("colored_pipeline", BigInteger),  # of its newest run that is not grey
    Column("color", String(8)),
    Column("streak", Integer, nullable=False),
    Column("since", UtcDateTime),
    Column("incident_id", Uuid),
    Column("last_at", UtcDateTime),
    UniqueConstraint("digest"),
    enum_check("color", Color),
    Index(None, "project_slug", "branch"),
    # for pages, whose addresses have either
    Index(None, "project_name", "project_slug"),
    Index(None, "project_slug", "project_name"),
    Index(None, "project_id"),  # for spans, which name a project by nothing else
    # for the page Now: few of the tracks are of a default branch
    Index(
        "ix_tracks_of_default_branches",
        "color",
        "project_slug",
        sqlite_where=text(OF_DEFAULT_BRANCH),
        postgresql_where=text(OF_DEFAULT_BRANCH),
    ),
    sqlite_autoincrement=True,  # runs name it by id: ids must not be reused
)

runs = Table(
    "runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid, nullable=False),  # the post that counts
    Column("track_id", Integer, nullable=False),
    Column("pipeline_number", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("stopped_at", UtcDateTime, nullable=False),
    Column("color", String(8), nullable=False),
    Column("number_in_pipeline", Integer, nullable=False),
    Column("transition", String(16), nullable=False),
    Column("streak", Integer, nullable=False),
    Column("incident_id", Uuid),
    Column("is_late", Boolean, nullable=False),
    Column("setup_color", String(8)),  # of a run that only sets up others: its color by its status
    enum_check("color", Color),
    enum_check("transition", Transition),
    Index(None, "track_id", "pipeline_number"),
    # for figures of the last weeks, which are read from it alone
    Index("ix_runs_of_weeks", "stopped_at", "track_id", "color", "created_at"),
    # for the share of red runs whose tests are known: few runs are red
    Index(
        "ix_runs_of_reds",
        *("stopped_at", "track_id", "event_id", "color"),
        sqlite_where=text("color = 'red'"),
        postgresql_where=text("color = 'red'"),
    ),
    sqlite_with_rowid=False,
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("track_id", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("opened_by", Uuid, nullable=False),
    Column("last_red", Uuid, nullable=False),
    Column("streak", Integer, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Uuid),
    Column("closed_because", String(16)),
    Column("fingerprint", String(64)),
    Column("taken_by", Text),
    Column("taken_at", UtcDateTime),
    Column("taken_until", UtcDateTime),
    Column("taken_note", Text),
    Column("taken_fingerprint", String(64)),
    Column("klass", String(16)),
    Column("class_by", Text),
    Column("fixed_by", Text),
    Column("muted_until", UtcDateTime),
    Column("merged_into", Uuid),
    Column("is_found_late", Boolean, nullable=False),
    enum_check("closed_because", Closing),
    enum_check("klass", IncidentClass),
    Index(None, "track_id", "opened_at"),
    Index(None, "opened_at", "id"),
    # for the list of open ones: few are
    Index(
        "ix_incidents_open",
        *("opened_at", "id"),
        sqlite_where=text("closed_because IS NULL"),
        postgresql_where=text("closed_because IS NULL"),
    ),
    sqlite_with_rowid=False,
)

# The color of a track that a channel accepted last.
told = Table(
    "told",
    metadata,
    Column("track_id", Integer, primary_key=True),
    Column("channel_key", String(64), primary_key=True),
    Column("color", String(8), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    enum_check("color", Color),
    sqlite_with_rowid=False,
)

# History that is filled in at the first start of a release, by the places of its events.
backfills = Table(
    "backfills",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("mark", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("done_at", UtcDateTime),
    sqlite_with_rowid=False,
)
