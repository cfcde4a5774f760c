"""${message}

Leaves in place what the release before this one needs, which works on meanwhile: see is_workable in the store.
"""

import sqlalchemy as sa
from alembic import op

from service import tables

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
