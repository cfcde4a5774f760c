"""The state of Roundsman in a word, for the navigation of every page."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from service.db.tables import Transaction
from service.model import HookSpec
from service.operations.health.health_page import is_worrying, lacks_hook
from service.queue.base import WORKER_ALIVE_WITHIN
from service.store.circleci import hooks
from service.store.deliveries import refusals
from service.store.reports import health_rows
from service.store.reports.changes import PageState


class HealthState(StrEnum):
    """The states of Roundsman."""

    WELL = "well"
    ATTENTION = "attention"
    TROUBLE = "trouble"


def read_state(
    transaction: Transaction,
    state: PageState,
    now: datetime,
    *,
    wanted_hooks: Sequence[HookSpec] = (),
    is_shared: bool,
) -> HealthState:
    """Return the state that the page of health gives, by a few rows.

    is_shared   other processes may work: where none does, it is trouble
    What a process alone knows, such as whether CircleCI answers it, is on the page only.
    """
    is_worker_silent = state.beat_at is not None and now - state.beat_at > WORKER_ALIVE_WITHIN
    if state.has_alarms or (is_shared and is_worker_silent):
        return HealthState.TROUBLE
    if state.dead_letters or _asks_for_person(transaction, now, wanted_hooks):
        return HealthState.ATTENTION
    return HealthState.WELL


def _asks_for_person(transaction: Transaction, now: datetime, wanted_hooks: Sequence[HookSpec]) -> bool:
    refused = refusals.latest(transaction)
    if not refused and not wanted_hooks:
        return False  # as nearly always: a page must not read every hook
    known = hooks.find_all(transaction)
    if refused and is_worrying(refused, known, health_rows.last_accepted(transaction), now):
        return True
    return lacks_hook(transaction, wanted_hooks, (known, refused), now)
