"""Saved views, as rows."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Insert, Update, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from service.db.savepoints import in_savepoint
from service.db.tables import Transaction, saved_views
from service.model import SavedView
from service.store.rows import Row
from service.store.search.names import fold

_COLUMNS = tuple(column for column in saved_views.c if column.name != "folded")


def put(transaction: Transaction, view: SavedView) -> bool:
    """Insert a view; False if another one has its name."""
    return _write(transaction, insert(saved_views).values(**_to_row(view)))


def change(transaction: Transaction, view: SavedView) -> bool:
    """Write a changed view; False if another one has its name."""
    return _write(transaction, update(saved_views).where(saved_views.c.id == view.id).values(**_to_row(view)))


def _write(transaction: Transaction, statement: Insert | Update) -> bool:
    try:
        in_savepoint(transaction, _execute, statement)
    except IntegrityError:
        return False
    return True


def _execute(transaction: Transaction, statement: Insert | Update) -> None:
    transaction.execute(statement)


def remove(transaction: Transaction, view_id: UUID) -> None:
    """Delete a view."""
    transaction.execute(delete(saved_views).where(saved_views.c.id == view_id))


def find(transaction: Transaction, view_id: UUID) -> SavedView | None:
    """Return a view."""
    found = transaction.execute(select(*_COLUMNS).where(saved_views.c.id == view_id)).mappings().first()
    return _to_view(found) if found else None


def find_all(transaction: Transaction, owner: str) -> Sequence[SavedView]:
    """Return the views of a user, and those that others share, by their names."""
    seen = or_(saved_views.c.owner == owner, saved_views.c.is_shared)
    ordered = select(*_COLUMNS).where(seen).order_by(saved_views.c.folded, saved_views.c.id)
    return [_to_view(row) for row in transaction.execute(ordered).mappings()]


def count(transaction: Transaction, owner: str) -> int:
    """Return the number of views that a user has made."""
    counted = select(func.count()).select_from(saved_views).where(saved_views.c.owner == owner)
    return transaction.execute(counted).scalar_one()


def count_shared(transaction: Transaction) -> int:
    """Return the number of shared views."""
    return transaction.execute(
        select(func.count()).select_from(saved_views).where(saved_views.c.is_shared)
    ).scalar_one()


def _to_row(view: SavedView) -> dict[str, object]:
    return {**vars(view), "folded": fold(view.name)}


def _to_view(row: Row) -> SavedView:
    return SavedView(**row)
