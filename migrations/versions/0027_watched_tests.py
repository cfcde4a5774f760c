"""An index of the tests of a project that failed lately."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it."""
    op.create_index(op.f("ix_tests_project_id_last_failed_at"), "tests", ["project_id", "last_failed_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_index(op.f("ix_tests_project_id_last_failed_at"), "tests")
