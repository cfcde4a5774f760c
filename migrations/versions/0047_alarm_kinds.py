"""Two kinds of alarms: a token that lacks a right, and a record that does not fit its seals."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
KINDS = ("token_right", "audit_chain")


def upgrade() -> None:
    """Allow the kinds."""
    before = _allowed()
    _allow([*before, *(kind for kind in KINDS if kind not in before)])


def downgrade() -> None:
    """Remove them, with the alarms of these kinds."""
    op.execute("DELETE FROM alarms WHERE kind IN ('token_right', 'audit_chain')")
    _allow([kind for kind in _allowed() if kind not in KINDS])


def _allowed() -> list[str]:
    """Return the kinds of alarms that the check allows so far, in its order."""
    checks = sa.inspect(op.get_bind()).get_check_constraints("alarms")
    [check] = [one for one in checks if one["name"] == "ck_alarms_kind"]
    return re.findall("'([a-z_]+)'", check["sqltext"])


def _allow(kinds: list[str]) -> None:
    """Change the check of the kinds; SQLite makes the table anew."""
    condition = f"kind IN ({', '.join(repr(kind) for kind in kinds)})"
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_alarms_kind"), "alarms")
        op.create_check_constraint(op.f("ck_alarms_kind"), "alarms", condition)
        return
    op.rename_table("alarms", "alarms_before")
    op.create_table(
        "alarms",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("begun_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.Column("channel_key", sa.String(64)),
        sa.CheckConstraint(condition, name=op.f("ck_alarms_kind")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alarms")),
        sqlite_with_rowid=False,
    )
    columns = "key, kind, sentence, begun_at, seen_at, channel_key"
    op.execute(f"INSERT INTO alarms ({columns}) SELECT {columns} FROM alarms_before")
    op.drop_table("alarms_before")
