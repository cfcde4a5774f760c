"""One inverted index finds events by any filter, in place of a row for each word and an index for each column.

The release before cannot add to it: no process of it may run meanwhile or later.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import count

import sqlalchemy as sa
from alembic import op

from service.db.columns import IntegerArray, UtcDateTime
from service.db.tables import EVENT_TERMS, INDEXED_COLUMNS
from service.store.search.places import place_of
from service.store.search.search_terms import SEARCHED, VALUED, numbers_of, spelled, terms_of
from service.store.usual_values import URL_FORMS, USUAL_URL, restore_headers

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
LISTED = {"kind": None, **{name: sa.text(f"{name} IS NOT NULL") for name in INDEXED_COLUMNS}}

events = sa.table(
    "events",
    sa.column("id", sa.Uuid()),
    sa.column("happened_at", UtcDateTime()),
    sa.column("org"),
    *(sa.column(name) for name in dict.fromkeys((*VALUED, *SEARCHED)) if name != "org"),
    sa.column("place", sa.BigInteger()),
    sa.column("terms", IntegerArray),
)
deliveries = sa.table("deliveries", sa.column("id", sa.Uuid()), sa.column("headers", sa.JSON()))
words = sa.table("words", sa.column("word"), sa.column("happened_at", UtcDateTime()), sa.column("event_id", sa.Uuid()))


def upgrade() -> None:
    """Give each event its place and its terms, a thousand at a time. Of millions, this takes minutes."""
    op.drop_table("words")
    op.drop_index(op.f("ix_events_happened_at_id"), "events")
    for name in LISTED:
        op.drop_index(op.f(f"ix_events_{name}_happened_at_id"), "events")
    op.add_column("events", sa.Column("place", sa.BigInteger()))
    op.add_column("events", sa.Column("terms", IntegerArray))
    op.create_index(op.f("ix_events_place"), "events", ["place"], unique=True)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        op.execute(EVENT_TERMS)
    for rows in _batches():
        _fill_in(rows, is_sqlite=is_sqlite)
    op.create_index(  # after the rows: an index is built more quickly, and smaller, than it grows
        op.f("ix_events_terms"),
        "events",
        ["terms"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
        sqlite_where=sa.text("terms IS NOT NULL"),
    )


def _batches() -> Iterator[Sequence[sa.RowMapping]]:
    """Yield the events in the order of their ids."""
    first = sa.select(events).order_by(events.c.id).limit(AT_ONCE)
    rows = op.get_bind().execute(first).mappings().all()
    while rows:
        yield rows
        rows = op.get_bind().execute(first.where(events.c.id > rows[-1]["id"])).mappings().all()


def _fill_in(rows: Sequence[sa.RowMapping], *, is_sqlite: bool) -> None:
    connection = op.get_bind()
    first = [place_of(row["happened_at"], row["id"]) for row in rows]
    taken = set(connection.execute(sa.select(events.c.place).where(events.c.place.in_(first))).scalars())
    filled, lines = [], []
    for row, wanted in zip(rows, first, strict=True):
        place = next(place for place in count(wanted) if not _is_taken(place, wanted, taken))
        taken.add(place)
        terms = terms_of(row)
        filled.append({"b_id": row["id"], "place": place, "terms": None if is_sqlite else numbers_of(terms, place)})
        lines.append({"place": place, "terms": spelled(terms)})
    if is_sqlite:
        connection.execute(sa.text("INSERT INTO event_terms (rowid, terms) VALUES (:place, :terms)"), lines)
        _update(filled, "place")
    else:
        _update(filled, "place", "terms")


def _is_taken(place: int, wanted: int, taken: set[int]) -> bool:
    if place in taken:
        return True
    there = sa.select(events.c.place).where(events.c.place == place)
    return place != wanted and op.get_bind().execute(there).first() is not None


def _update(filled: Sequence[dict[str, object]], *columns: str) -> None:
    changing = sa.update(events).where(events.c.id == sa.bindparam("b_id"))
    values = {name: sa.bindparam(name, type_=events.c[name].type) for name in columns}
    op.get_bind().execute(
        changing.values(values), [{"b_id": row["b_id"], **{n: row[n] for n in columns}} for row in filled]
    )


def downgrade() -> None:
    """Make the words and the indexes again, and store whole what is stored short."""
    for name, form in URL_FORMS.items():
        parts = (repr(part) if n % 2 == 0 else part for n, part in enumerate(re.split(r"[{}]", form)) if part)
        op.execute(f"UPDATE events SET {name} = {' || '.join(parts)} WHERE {name} = '{USUAL_URL}'")
    _restore_headers()
    op.create_table(
        "words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("word", "happened_at", "event_id", name=op.f("pk_words")),
        sqlite_with_rowid=False,
    )
    for rows in _batches():
        op.get_bind().execute(
            sa.insert(words),
            [
                {"word": word, "happened_at": row["happened_at"], "event_id": row["id"]}
                for row in rows
                for word in terms_of(row)
                if not _is_value(word)
            ],
        )
    op.drop_index(op.f("ix_events_terms"), "events")
    op.drop_index(op.f("ix_events_place"), "events")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE event_terms")
    op.drop_column("events", "terms")
    op.drop_column("events", "place")
    op.create_index(op.f("ix_events_happened_at_id"), "events", ["happened_at", "id"])
    for name, is_there in LISTED.items():
        op.create_index(
            op.f(f"ix_events_{name}_happened_at_id"),
            "events",
            [name, "happened_at", "id"],
            sqlite_where=is_there,
            postgresql_where=is_there,
        )


def _restore_headers() -> None:
    first = sa.select(deliveries).order_by(deliveries.c.id).limit(AT_ONCE)
    rows = op.get_bind().execute(first).all()
    changing = (
        sa.update(deliveries).where(deliveries.c.id == sa.bindparam("b_id")).values(headers=sa.bindparam("whole"))
    )
    while rows:
        whole = [{"b_id": row.id, "whole": [list(pair) for pair in restore_headers(row.headers)]} for row in rows]
        op.get_bind().execute(changing, whole)
        rows = op.get_bind().execute(first.where(deliveries.c.id > rows[-1].id)).all()


def _is_value(term: str) -> bool:
    return term.partition("=")[0] in VALUED and "=" in term
