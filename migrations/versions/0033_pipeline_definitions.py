"""The pipeline definition that a run is of, which is part of its track."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

COLUMNS = {"events": "pipeline_definition_id", "tracks": "definition_id"}


def upgrade() -> None:
    """Add the columns; tracks that are there keep their digests, and so their incidents."""
    for table, name in COLUMNS.items():
        op.add_column(table, sa.Column(name, sa.Text))


def downgrade() -> None:
    """Remove them: tracks of a second definition stay, and get no further runs."""
    for table, name in COLUMNS.items():
        op.drop_column(table, name)
