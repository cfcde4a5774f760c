"""Acts of operators: replays, resends and dismissals, with actor and time."""

from collections.abc import Collection, Sequence
from uuid import uuid4

from sqlalchemy import insert, select

from service.db.tables import Transaction, actions
from service.model import Action
from service.store.rows import to_action


def record(transaction: Transaction, action: Action) -> None:
    """Record an act."""
    transaction.execute(insert(actions).values(id=uuid4(), **vars(action)))


def of_subjects(transaction: Transaction, subject_ids: Collection[object]) -> Sequence[Action]:
    """Return the acts on these subjects, oldest first."""
    wanted = select(actions).where(actions.c.subject_id.in_(subject_ids)).order_by(actions.c.at)
    return [to_action(row) for row in transaction.execute(wanted).mappings()]
