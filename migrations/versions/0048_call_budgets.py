"""The calls made in a minute, and the time of the last look at a pipeline."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "call_budgets",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("minute_at", UTC, nullable=False),
        sa.Column("taken", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_call_budgets")),
        sqlite_with_rowid=False,
    )
    op.add_column("pipelines_to_ask", sa.Column("looked_at", UTC))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("pipelines_to_ask", "looked_at")
    op.drop_table("call_budgets")
