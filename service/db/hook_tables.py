"""The tables of what is known of projects' hooks, and of the secrets in use."""

from sqlalchemy import Boolean, Column, String, Table, Text

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

# One row for each project with a hook of ours, or that roundsman.yaml wants one for.
hook_states = Table(
    "hook_states",
    metadata,
    Column("project", Text, primary_key=True),  # the short spelling of its slug
    Column("hook_id", String(64)),
    Column("fingerprint", String(64)),
    Column("applied_at", UtcDateTime),
    Column("confirmed_at", UtcDateTime),
    Column("verify_tls", Boolean),
    Column("drift", Text),
    Column("silence", Text),
    Column("looked_at", UtcDateTime),
    sqlite_with_rowid=False,
)

# The last delivery of each project by the secret that signed it: counted while deliveries come, since they go in time.
secret_uses = Table(
    "secret_uses",
    metadata,
    Column("project", Text, primary_key=True),  # empty: not known
    Column("fingerprint", String(64), primary_key=True),  # empty: found by asking, because no delivery came
    Column("last_at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
