"""The history so far waits for its runs to be filled in, when the service starts."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note the events that are there."""
    op.create_table(
        "backfills",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO backfills (name, first, mark, last) "
        "SELECT 'runs', min(place), min(place) - 1, max(place) FROM events HAVING count(place) > 0"
    )


def downgrade() -> None:
    """Forget how far it came."""
    op.drop_table("backfills")
