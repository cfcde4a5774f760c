"""Values that machines read are snake_case: verdicts of decisions and outcomes of attempts.

The release before writes the old spelling, which the new constraints refuse: no process of it may run meanwhile or
later. ``roundsman migrate`` looks for their heartbeats first.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
VERDICTS = ("matched", "already_told", "not_matched", "preceded")
OUTCOMES = ("sending", "sent", "put_off", "dead", "interrupted")
KEYS = {"decisions": ["event_id", "round", "position"], "attempts": ["notification_id", "number"]}


def upgrade() -> None:
    """Turn the blanks into underscores; SQLite writes both tables anew, Postgres the rows with a blank."""
    _respell("decisions", "verdict", old=_spaced(VERDICTS), new=VERDICTS)
    _respell("attempts", "outcome", old=_spaced(OUTCOMES), new=OUTCOMES)


def downgrade() -> None:
    """Turn them back."""
    _respell("decisions", "verdict", old=VERDICTS, new=_spaced(VERDICTS))
    _respell("attempts", "outcome", old=OUTCOMES, new=_spaced(OUTCOMES))


def _spaced(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value.replace("_", " ") for value in values)


def _respell(table: str, column: str, *, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    changed = {before: after for before, after in zip(old, new, strict=True) if before != after}
    if op.get_bind().dialect.name == "sqlite":
        _write_anew(table, column, changed, allowed=new)
        return
    rows = sa.table(table, sa.column(column))
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
    for before, after in changed.items():
        op.execute(sa.update(rows).where(rows.c[column] == before).values({column: after}))
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, _is_one_of(column, new))


def _write_anew(table: str, column: str, changed: dict[str, str], *, allowed: tuple[str, ...]) -> None:
    """Copy the rows into a table with the new constraint: SQLite cannot change one."""
    op.rename_table(table, f"{table}_before")
    made = op.create_table(
        table,
        *(_decisions() if table == "decisions" else _attempts()),
        sa.CheckConstraint(_is_one_of(column, allowed), name=op.f(f"ck_{table}_{column}")),
        sa.PrimaryKeyConstraint(*KEYS[table], name=op.f(f"pk_{table}")),
        sqlite_with_rowid=False,
    )
    before = sa.table(f"{table}_before", *(sa.column(one.name) for one in made.c))
    respelled = sa.case(changed, value=before.c[column], else_=before.c[column])
    names = [one.name for one in made.c]
    values = [respelled if name == column else before.c[name] for name in names]
    op.execute(made.insert().from_select(names, sa.select(*values)))
    op.drop_table(f"{table}_before")


def _is_one_of(column: str, values: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def _decisions() -> list[sa.Column[Any]]:
    return [
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", UTC, nullable=False),
    ]


def _attempts() -> list[sa.Column[Any]]:
    return [
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("ended_at", UTC),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("receipt", sa.Text()),
        sa.Column("title", sa.Text()),
        sa.Column("words", sa.Text()),
    ]
