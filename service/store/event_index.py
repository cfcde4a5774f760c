"""Ordered lists of events: each filter is one, and an index holds it newest first.

A search walks the list that is shortest where it begins and looks each event up in the others, all within the indexes;
so it costs what the page needs and not what the table holds. What is walked for one page is limited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
)

from service.db.tables import Transaction, events, words
from service.store.cursors import SortKey

NEVER = datetime.max.replace(tzinfo=UTC)
SAMPLE = 500  # entries looked at to see which list is the shortest


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """A span of time: from ``since`` to before ``until``, after the last page's end."""

    since: datetime | None = None
    until: datetime | None = None
    beyond: SortKey | None = None


@dataclass(frozen=True, kw_only=True)
class IndexScan:
    """A scan of an index, newest first: of entries with one of some values, or of all."""

    table: FromClause
    values: Sequence[ColumnElement[bool]] = ()

    @property
    def place(self) -> tuple[ColumnElement[datetime], ColumnElement[UUID]]:
        """The two columns that say where an entry stands."""
        ids = events.c.id if self.table is events else words.c.event_id
        return self.table.c.happened_at, ids

    def within(self, span: TimeRange, *, limit: int) -> Subquery:
        """The first places within a span."""
        stretches = [self._stretch(value, span, limit=limit).subquery() for value in self.values or (true(),)]
        if len(stretches) == 1:
            return stretches[0]
        # each value is a stretch of the index in order, and all of them together are not: merge their beginnings. An
        # event that has several of the values is one
        merged = union(*map(select, stretches)).subquery()
        at, event_id = merged.c.happened_at, merged.c.event_id
        return select(at, event_id).order_by(at.desc(), event_id.desc()).limit(limit).subquery()

    def _stretch(self, value: ColumnElement[bool], span: TimeRange, *, limit: int) -> Select[datetime, UUID]:
        at, event_id = self.place
        found = select(at.label("happened_at"), event_id.label("event_id")).where(value)
        if span.since is not None:
            found = found.where(at >= span.since)
        if span.until is not None:
            found = found.where(at < span.until)
        if span.beyond is not None:
            found = found.where(tuple_(at, event_id) < span.beyond.sql)
        return found.order_by(at.desc(), event_id.desc()).limit(limit)

    def has(self, place: Subquery) -> ColumnElement[bool]:
        """Return a condition: a place is in the scan, by one index lookup a value.

        An EXISTS could be turned into a join with the whole list.
        """
        at, event_id = self.place
        # not the bare id: SQLite would look that up among all events, and fetch the whole row to see the rest
        same = (at == place.c.happened_at, func.coalesce(event_id, null()) == place.c.event_id)
        looks = (select(literal(1)).where(value, *same).scalar_subquery() == 1 for value in self.values or (true(),))
        return or_(*looks)


@dataclass(frozen=True, kw_only=True)
class RowConditions:
    """Conditions of which an event must meet one, checked event by event, unindexed."""

    values: Sequence[ColumnElement[bool]]

    def has(self, place: Subquery) -> ColumnElement[bool]:
        """A test that the event at a place has one of them."""
        at_place = select(literal(1)).where(events.c.id == place.c.event_id, or_(*self.values))
        return at_place.scalar_subquery() == 1


EVERYTHING = IndexScan(table=events)


def sort_by_selectivity(transaction: Transaction, filters: Sequence[IndexScan], span: TimeRange) -> Sequence[IndexScan]:
    """Sort filters by selectivity, most selective first."""
    if len(filters) < 2:
        return filters or [EVERYTHING]
    samples: list[Select[int, int, datetime | None]] = [
        select(literal_column(str(n)), func.count(sample.c.event_id), func.min(sample.c.happened_at))
        for n, sample in enumerate(one.within(span, limit=SAMPLE) for one in filters)
    ]
    sizes = [(size, back_to or NEVER, n) for n, size, back_to in transaction.execute(union_all(*samples))]
    return [filters[n] for _, _, n in sorted(sizes)]


def first_in_all(
    transaction: Transaction, walked: Subquery, others: Sequence[IndexScan | RowConditions], *, limit: int
) -> list[SortKey]:
    """Return the first places of a scan that the other scans have too, with the facts."""
    found = (
        select(walked.c.happened_at, walked.c.event_id)
        .where(*(other.has(walked) for other in others))
        .order_by(walked.c.happened_at.desc(), walked.c.event_id.desc())
        .limit(limit)
    )
    return [SortKey(at=at, id=event_id) for at, event_id in transaction.execute(found)]


def scan_end(transaction: Transaction, walked: IndexScan, span: TimeRange, *, scan_limit: int) -> SortKey | None:
    """Return the place ``scan_limit`` entries on; None if the scan ends before."""
    entries = walked.within(span, limit=scan_limit)
    last = (
        select(entries.c.happened_at, entries.c.event_id, func.count().over().label("size"))
        .order_by(entries.c.happened_at, entries.c.event_id)
        .limit(1)
    )
    row = transaction.execute(last).first()
    return SortKey(at=row.happened_at, id=row.event_id) if row and row.size == scan_limit else None
