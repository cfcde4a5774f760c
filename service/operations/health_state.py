"""The state of Roundsman in a word, for the navigation of every page."""

from datetime import datetime
from enum import StrEnum

from service.db.tables import Transaction
from service.model import Role
from service.operations.health_page import is_worrying
from service.queue.base import WORKER_ALIVE_WITHIN
from service.store import alarms, health_rows, heartbeats, hooks, refusals

WORKING_ROLES = (Role.SERVE, Role.WORKER)


class HealthState(StrEnum):
    """The states of Roundsman."""

    WELL = "well"
    ATTENTION = "attention"
    TROUBLE = "trouble"


def read_state(transaction: Transaction, now: datetime, *, is_shared: bool) -> HealthState:
    """Return the state, by a few rows.

    is_shared   other processes may work: where none does, it is trouble
    """
    if is_shared and _is_worker_silent(transaction, now):
        return HealthState.TROUBLE
    if alarms.find_all(transaction):
        return HealthState.TROUBLE
    refused = refusals.latest(transaction)
    if refused and is_worrying(refused, hooks.find_all(transaction), health_rows.last_accepted(transaction), now):
        return HealthState.ATTENTION
    return HealthState.WELL


def _is_worker_silent(transaction: Transaction, now: datetime) -> bool:
    last = heartbeats.latest(transaction, WORKING_ROLES)
    return last is not None and now - last > WORKER_ALIVE_WITHIN
