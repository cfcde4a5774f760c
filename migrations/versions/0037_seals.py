"""The audit chain: seals, and hashes of the rows that they cover."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
REMOVED = sa.text("removed_in IS NOT NULL")


def upgrade() -> None:
    """Make the tables, and the indexes by which new rows are found."""
    op.create_table(
        "seals",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True)),
        sa.Column("who", sa.Text),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seals")),
        sa.UniqueConstraint("previous", name=op.f("uq_seals_previous")),
    )
    _make_sealed_rows()
    op.create_table(
        "seal_removals",
        sa.Column("seal", NUMBER, autoincrement=False, nullable=False),
        sa.Column("from_seal", NUMBER, autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seal", "from_seal", name=op.f("pk_seal_removals")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seal_blankings",
        sa.Column("seal", NUMBER, autoincrement=False, nullable=False),
        *_row_key(),
        sa.Column("old", sa.LargeBinary, nullable=False),
        sa.Column("new", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seal", "table_number", "row_id", "row_number", name=op.f("pk_seal_blankings")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_decisions_decided_at"), "decisions", ["decided_at"])
    op.create_index(op.f("ix_attempts_ended_at"), "attempts", ["ended_at"])


def _make_sealed_rows() -> None:
    op.create_table(
        "sealed_rows",
        *_row_key(),
        sa.Column("seal", NUMBER, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("removed_in", NUMBER),
        sa.PrimaryKeyConstraint("table_number", "row_id", "row_number", name=op.f("pk_sealed_rows")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sealed_rows_seal"), "sealed_rows", ["seal"])
    op.create_index(
        "ix_sealed_rows_removed", "sealed_rows", ["removed_in"], sqlite_where=REMOVED, postgresql_where=REMOVED
    )


def _row_key() -> list[sa.Column[object]]:
    return [
        sa.Column("table_number", sa.SmallInteger, nullable=False),
        sa.Column("row_id", sa.Uuid, nullable=False),
        sa.Column("row_number", sa.BigInteger, nullable=False),
    ]


def downgrade() -> None:
    """Remove them."""
    op.drop_index(op.f("ix_attempts_ended_at"), "attempts")
    op.drop_index(op.f("ix_decisions_decided_at"), "decisions")
    for table in ("seal_blankings", "seal_removals", "sealed_rows", "seals"):
        op.drop_table(table)
