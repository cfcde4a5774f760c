"""The state of Roundsman in a word, for the navigation of every page."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from service.db.tables import Transaction
from service.model import HookSpec, Role
from service.operations.health_page import is_worrying, lacks_hook
from service.queue.base import WORKER_ALIVE_WITHIN
from service.store import alarms, dead_counts, health_rows, heartbeats, hooks, refusals

WORKING_ROLES = (Role.SERVE, Role.WORKER)


class HealthState(StrEnum):
    """The states of Roundsman."""

    WELL = "well"
    ATTENTION = "attention"
    TROUBLE = "trouble"


def read_state(
    transaction: Transaction, now: datetime, *, wanted_hooks: Sequence[HookSpec] = (), is_shared: bool
) -> HealthState:
    """Return the state that the page of health gives, by a few rows.

    is_shared   other processes may work: where none does, it is trouble
    What a process alone knows, such as whether CircleCI answers it, is on the page only.
    """
    if is_shared and _is_worker_silent(transaction, now):
        return HealthState.TROUBLE
    if alarms.find_all(transaction):
        return HealthState.TROUBLE
    if _asks_for_person(transaction, now, wanted_hooks):
        return HealthState.ATTENTION
    return HealthState.WELL


def _asks_for_person(transaction: Transaction, now: datetime, wanted_hooks: Sequence[HookSpec]) -> bool:
    if any(dead_counts.count_dead_letters(transaction).values()):
        return True
    known, refused = hooks.find_all(transaction), refusals.latest(transaction)
    if refused and is_worrying(refused, known, health_rows.last_accepted(transaction), now):
        return True
    return lacks_hook(transaction, wanted_hooks, (known, refused), now)


def _is_worker_silent(transaction: Transaction, now: datetime) -> bool:
    last = heartbeats.latest(transaction, WORKING_ROLES)
    return last is not None and now - last > WORKER_ALIVE_WITHIN
