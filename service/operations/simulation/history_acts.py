"""Acts of people in the history, to be done again in a simulation.

An act on an incident names it by an id that is another in the simulation: its first red run has the same there. The end
of a take or mute is on record for the last one of each incident; one before it lasts until then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from service.db.tables import Transaction
from service.model import Action, Incident, KnownProblem, Silence
from service.operations.incidents.incidents import UNTIL_FIXED
from service.operations.simulation.simulated_steps import Act
from service.store.incidents import incident_search, known_problems, silences
from service.store.reports import backtests
from service.store.runs import runs

TAKEN_COLUMNS = ("taken_by", "taken_at", "taken_until", "taken_note")


@dataclass(frozen=True, kw_only=True)
class History:
    """The silences and acts of people.

    ends   the times at which something that kept people from being reminded ended
    """

    silences: Sequence[Silence] = ()
    acts: Sequence[Act] = ()
    ends: Sequence[datetime] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def read_history(transaction: Transaction, since: datetime, until: datetime) -> History:
    """Return what people did in a time."""
    found = backtests.read_actions(transaction, since, until)
    problems = known_problems.find_all(transaction)
    on_incidents = [_act(action, incident, found) for action, incident in found]
    quiet = silences.unexpired(transaction, since)
    counts = {verb: sum(action.verb == verb for action, _ in found) for verb in backtests.ACTS_ON_INCIDENTS}
    return History(
        silences=quiet,
        acts=[*on_incidents, *(act for problem in problems for act in _acts_on_problem(problem))],
        ends=sorted({one.ends_at for one in quiet} | set(_ends(found))),
        counts=counts | {"silence": len(quiet), "known_problem": len(problems)},
    )


def _act(action: Action, incident: Incident, every: Sequence[tuple[Action, Incident]]) -> Act:
    values = _values(action, incident, every)

    def apply(transaction: Transaction) -> None:
        known = runs.find_all(transaction, [incident.opened_by, incident.last_red])
        for run_id in (incident.opened_by, incident.last_red):
            run = known.get(run_id)
            if run is not None and run.incident_id is not None:
                incident_search.change(transaction, run.incident_id, values)
                return

    return Act(at=action.at, apply=apply)


def _values(action: Action, incident: Incident, every: Sequence[tuple[Action, Incident]]) -> Mapping[str, object]:
    """Return the columns of an incident after an act."""
    is_last = not any(
        other.verb == action.verb and of.id == incident.id and other.at > action.at for other, of in every
    )
    if action.verb == "take":
        taken = incident.taken
        if taken is not None and taken.at == action.at:
            return dict(zip(TAKEN_COLUMNS, (taken.by, taken.at, taken.until, taken.note), strict=True))
        return dict(zip(TAKEN_COLUMNS, (action.who, action.at, None, None), strict=True))
    if action.verb == "release":
        return dict.fromkeys(TAKEN_COLUMNS)
    if action.verb == "mute":
        return {"muted_until": incident.muted_until if is_last else UNTIL_FIXED}
    return {"klass": incident.klass, "class_by": action.who, "fixed_by": incident.fixed_by}


def _ends(found: Sequence[tuple[Action, Incident]]) -> Iterator[datetime]:
    """Yield the times at which people may be reminded again of incidents."""
    for action, incident in found:
        if action.verb in {"release", "mute"}:
            yield action.at
        if incident.taken is not None and incident.taken.until is not None:
            yield incident.taken.until
        if incident.muted_until is not None and incident.muted_until < UNTIL_FIXED:
            yield incident.muted_until


def _acts_on_problem(problem: KnownProblem) -> Iterator[Act]:
    added = replace(problem, closed_at=None, closed_by=None, reopened_at=None)
    yield Act(at=problem.created_at, apply=partial(known_problems.put, problem=added))
    closed_at = problem.closed_at
    if closed_at is not None:

        def close(transaction: Transaction) -> None:
            known_problems.close(transaction, problem.id, closed_at, who=problem.closed_by or "")

        yield Act(at=closed_at, apply=close)
