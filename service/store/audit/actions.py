"""Acts of operators: replays, resends and dismissals, with actor and time."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select

from service.db.columns import is_any
from service.db.tables import Transaction, actions
from service.errors import BadRequest
from service.model import Action
from service.store.rows import insert_new, to_action

_LAST_REPLAYS = (
    select(actions.c.subject_id, func.max(actions.c.at))
    .where(is_any(actions.c.subject_id, "delivery_ids"), actions.c.verb == "replay")
    .group_by(actions.c.subject_id)
)


def record(transaction: Transaction, action: Action) -> None:
    """Record an act."""
    transaction.execute(insert(actions).values(id=uuid4(), **vars(action)))


def record_once(transaction: Transaction, action: Action, action_id: UUID) -> None:
    """Record an act under an id of its own. Raises BadRequest if there is one with it."""
    if not insert_new(transaction, actions, {"id": action_id, **vars(action)}):
        raise BadRequest("this was asked for already, so it is not asked for again", status=409)


def find_all(transaction: Transaction, action_ids: Collection[UUID]) -> Mapping[UUID, Action]:
    """Return the acts with these ids, by id."""
    wanted = select(actions).where(actions.c.id.in_(action_ids))
    return {row["id"]: to_action(row) for row in transaction.execute(wanted).mappings()}


def last_replays(transaction: Transaction, delivery_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return the time of the last replay of each replayed delivery."""
    return {row[0]: row[1] for row in transaction.execute(_LAST_REPLAYS, {"delivery_ids": delivery_ids})}


def of_subjects(transaction: Transaction, subject_ids: Collection[object]) -> Sequence[Action]:
    """Return the acts on these subjects, oldest first."""
    wanted = select(actions).where(actions.c.subject_id.in_(subject_ids)).order_by(actions.c.at)
    return [to_action(row) for row in transaction.execute(wanted).mappings()]


def newest_of(transaction: Transaction, verb: str, *, limit: int) -> Sequence[Action]:
    """Return the newest acts of one kind, the last first."""
    wanted = select(actions).where(actions.c.verb == verb).order_by(actions.c.at.desc(), actions.c.id.desc())
    return [to_action(row) for row in transaction.execute(wanted.limit(limit)).mappings()]
