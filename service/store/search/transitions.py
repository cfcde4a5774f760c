"""Transitions: the condition on events that their run had an effect on its track."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Uuid, case, cast, func, select, type_coerce

from service.db.tables import Transaction, events, runs
from service.model import Transition

_UUID = "^[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}$"


def is_transition(transaction: Transaction, wanted: Sequence[Transition]) -> ColumnElement[bool]:
    """Return the condition that the event is of a run with such a transition.

    The run is found by its id, which is that of the workflow: events are on no other way from here to their runs.
    """
    one = select(runs.c.transition).where(runs.c.id == _run_id(transaction), runs.c.event_id == events.c.id)
    return one.limit(1).scalar_subquery().in_(wanted)


def _run_id(transaction: Transaction) -> ColumnElement[object]:
    if transaction.dialect.name == "sqlite":  # which stores the digits alone
        return type_coerce(func.replace(func.lower(events.c.workflow_id), "-", ""), Uuid)
    return case((events.c.workflow_id.regexp_match(_UUID), cast(events.c.workflow_id, Uuid)), else_=None)
