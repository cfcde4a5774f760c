"""Decisions: one row for an event and round, with the verdicts of all routes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import bindparam, func, select, update

from service.db.columns import is_any
from service.db.tables import Transaction, decisions
from service.model import AbsentFacts, Event, JudgedState, Judgment, JudgmentNotes, RoutesVersion, Transition
from service.store.bulk import BulkInsert
from service.store.events import routes_versions as versions
from service.store.events.verdicts import read_verdicts, write_verdicts
from service.store.rows import Row

NOTES = TypeAdapter(JudgmentNotes)
_LETTERS = {
    Transition.BROKE: "b",
    Transition.STILL_BROKEN: "s",
    Transition.FIXED: "f",
    Transition.PASSED: "p",
    Transition.NONE: "n",
}
_TRANSITIONS = {letter: transition for transition, letter in _LETTERS.items()}

# built once: that takes longer than to run them
_LAST_ROUND = select(func.max(decisions.c.round)).where(decisions.c.event_id == bindparam("event_id"))
_LAST_ROUNDS = (
    select(decisions.c.event_id, func.max(decisions.c.round).label("last"))
    .where(is_any(decisions.c.event_id, "event_ids"))
    .group_by(decisions.c.event_id)
)
_INSERT = BulkInsert(decisions)
_SELECT = select(decisions).where(decisions.c.event_id == bindparam("judged_id")).order_by(decisions.c.round.desc())


def put(transaction: Transaction, judgments: Sequence[Judgment]) -> None:
    """Insert judgments; those of one version of the routes should stand together."""
    rows: list[dict[str, Any]] = []
    for version, some in groupby(judgments, key=lambda one: one.version):
        made = list(some)
        version_id = versions.find_or_insert(transaction, version, made[0].decided_at) if version else None
        rows += [_row(judgment, version_id) for judgment in made]
    _INSERT(transaction, rows)


def _row(judgment: Judgment, version_id: int | None) -> dict[str, Any]:
    return {
        "event_id": judgment.event_id,
        "round": judgment.round,
        "routes_version": version_id,
        "verdicts": write_verdicts(judgment.verdicts),
        "is_told": judgment.is_told,
        "absent_facts": int(judgment.absent),
        "notes": NOTES.dump_python(judgment.notes, mode="json", exclude_defaults=True) or None,
        "decided_at": judgment.decided_at,
        "run": _write_state(judgment.run),
    }


def _write_state(state: JudgedState | None) -> str | None:
    """Return a state as a short text.

    Such as ``s4`` for the fourth red, or ``sl4`` for a late one.
    """
    if state is None:
        return None
    return f"{_LETTERS[state.transition]}{'l' if state.is_late else ''}{state.streak or ''}"


def _read_state(text: str | None) -> JudgedState | None:
    if text is None:
        return None
    rest = text[1:]
    return JudgedState(
        transition=_TRANSITIONS[text[0]], streak=int(rest.removeprefix("l") or 0), is_late=rest.startswith("l")
    )


def last_round(transaction: Transaction, event_id: UUID) -> int:
    """Return the number of rounds in which an event was judged."""
    return transaction.execute(_LAST_ROUND, {"event_id": event_id}).scalar() or 0


def last_rounds(transaction: Transaction, event_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return the number of rounds of each of these events that was judged before."""
    return {row.event_id: row.last for row in transaction.execute(_LAST_ROUNDS, {"event_ids": event_ids})}


def find(transaction: Transaction, event_id: UUID) -> list[Judgment]:
    """Return the judgments of an event, newest round first."""
    rows = transaction.execute(_SELECT, {"judged_id": event_id}).mappings().all()
    of_ids = versions.find_all(transaction, {row["routes_version"] for row in rows} - {None})
    return [_to_judgment(row, of_ids.get(row["routes_version"])) for row in rows]


def find_all(transaction: Transaction, event_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Judgment]]:
    """Return the judgments of each of these events, newest round first."""
    wanted = select(decisions).where(decisions.c.event_id.in_(event_ids)).order_by(decisions.c.round.desc())
    rows = transaction.execute(wanted).mappings().all() if event_ids else []
    of_ids = versions.find_all(transaction, {row["routes_version"] for row in rows} - {None})
    found: dict[UUID, list[Judgment]] = {event_id: [] for event_id in event_ids}
    for row in rows:
        found[row["event_id"]].append(_to_judgment(row, of_ids.get(row["routes_version"])))
    return found


def _to_judgment(row: Row, version: RoutesVersion | None) -> Judgment:
    return Judgment(
        event_id=row["event_id"],
        round=row["round"],
        decided_at=row["decided_at"],
        verdicts=read_verdicts(row["verdicts"]),
        is_told=row["is_told"],
        version=version,
        absent=AbsentFacts(row["absent_facts"]),
        notes=NOTES.validate_python(row["notes"] or {}),
        run=_read_state(row["run"]),
    )


def keep_event(transaction: Transaction, event: Event) -> None:
    """Note an event in its earlier judgments, before another is put in its place.

    A judgment has the event of the first such change: later ones are not what it was about.
    """
    for judgment in find(transaction, event.id):
        if judgment.notes.event is None and not judgment.notes.texts:
            notes = NOTES.dump_python(replace(judgment.notes, event=event), mode="json", exclude_defaults=True)
            place = (decisions.c.event_id == event.id, decisions.c.round == judgment.round)
            transaction.execute(update(decisions).where(*place).values(notes=notes))
