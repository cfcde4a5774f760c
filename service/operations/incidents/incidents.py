"""Incidents: list them, and take, release, classify or mute one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from uuid import UUID

from service.db.tables import Transaction
from service.errors import AlreadyTaken, BadRequest
from service.model import Action, Incident, IncidentClass, Taken, Track
from service.operations.json_shapes import Json, action_json, rfc3339
from service.operations.operator_actions import MAX_REASON
from service.operations.queries import require_limit
from service.operations.time_filters import to_later_time
from service.store.audit import actions
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.incidents import incident_search
from service.store.incidents.incident_search import Wanted
from service.store.notifications import living_messages
from service.store.runs import track_search, tracks
from service.store.runs.same_names import definitions_of
from service.text import clean

OPEN, CLOSED = "open", "closed"
STATES = (OPEN, CLOSED)
FILTERS = ("project", "branch", "state")
ACTS: Mapping[str, Sequence[str]] = {
    "take": ("by", "until", "note", "replace"),
    "release": ("because",),
    "classify": ("class", "fixed_by", "because"),
    "mute": ("until", "because"),
}
"""The acts on an incident, and the fields of each."""
UNTIL_FIXED = datetime(9999, 1, 1, tzinfo=UTC)
MAX_NAME = 100
MAX_UNTIL = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Act:
    """An act on an incident; ``values`` are its columns afterwards.

    replaces   True: a take replaces that of any other person; a name: of this one alone
    """

    verb: str
    who: str
    at: datetime
    reason: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    replaces: bool | str = False


def parse_act(verb: str, asked: Mapping[str, object], *, who: str, now: datetime) -> Act:
    """Return the act that a request asks for. Raises BadRequest.

    asked   the fields of the act, as ACTS names them; each may be left out or empty
    """
    require_known(asked, ACTS[verb], f"means nothing for {verb}")
    reason = _text(asked, "because", MAX_REASON) or _text(asked, "note", MAX_REASON)
    values = {"take": _take, "release": _release, "classify": _classify, "mute": _mute}[verb](asked, who, now)
    return Act(verb=verb, who=who, at=now, reason=reason, values=values, replaces=_replaces(asked))


def _replaces(asked: Mapping[str, object]) -> bool | str:
    written = asked.get("replace")
    return written if isinstance(written, bool) else _text(asked, "replace", MAX_NAME) or False


def require_known(asked: Mapping[str, object], known: Sequence[str], problem: str) -> None:
    """Raise BadRequest for a name that is not among these, with the one like it."""
    unknown = next((name for name in asked if name not in known), None)
    if unknown is not None:  # an empty name is unknown too
        raise BadRequest(f"{unknown!a} {problem}; {_near(unknown, known)}")


def _near(written: str, known: Sequence[str]) -> str:
    near = get_close_matches(written.lower(), known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def _text(asked: Mapping[str, object], name: str, limit: int) -> str | None:
    written = asked.get(name)
    if written is None:
        return None
    if not isinstance(written, str):
        raise BadRequest(f"{name} must be a text")
    cleaned = re.sub(r"\s+", " ", clean(written)).strip()
    if len(cleaned) > limit:
        raise BadRequest(f"{name} may have {limit} characters, and this one has {len(cleaned)}; shorten it")
    return cleaned or None


def _until(asked: Mapping[str, object], now: datetime) -> datetime | None:
    written = _text(asked, "until", MAX_NAME)
    if written is None:
        return None
    until = to_later_time(written, now)
    if until <= now:
        raise BadRequest(f"until {written!a} is not later than now; write 2h, 1d12h or 2026-11-22T09:30:00Z")
    if until - now > MAX_UNTIL:
        raise BadRequest(f"until may be at most {MAX_UNTIL.days} days ahead, so that none is forgotten")
    return until


def _take(asked: Mapping[str, object], who: str, now: datetime) -> Mapping[str, object]:
    return {
        "taken_by": _text(asked, "by", MAX_NAME) or who,
        "taken_at": now,
        "taken_until": _until(asked, now),
        "taken_note": _text(asked, "note", MAX_REASON),
    }


def _release(_asked: Mapping[str, object], _who: str, _now: datetime) -> Mapping[str, object]:
    return dict.fromkeys(("taken_by", "taken_at", "taken_until", "taken_note", "taken_fingerprint"))


def _classify(asked: Mapping[str, object], who: str, _now: datetime) -> Mapping[str, object]:
    written, fixed_by = _text(asked, "class", MAX_NAME), _text(asked, "fixed_by", MAX_NAME)
    if written is None and fixed_by is None:
        raise BadRequest(f"class is missing; there are {', '.join(IncidentClass)}")
    values: dict[str, object] = {}
    if written is not None:
        values |= {"klass": _class(written), "class_by": who}
    if fixed_by is not None:
        if " " in fixed_by:
            raise BadRequest(f"fixed_by {fixed_by!a} is not a revision; write one, such as 4f1c2d7")
        values["fixed_by"] = fixed_by
    return values


def _class(written: str) -> IncidentClass:
    known = [str(one) for one in IncidentClass]
    word = written.lower().replace("-", "_").replace(" ", "_")
    if word not in known:
        raise BadRequest(f"{written!a} is not a class; {_near(word, known)}")
    return IncidentClass(word)


def _mute(asked: Mapping[str, object], _who: str, now: datetime) -> Mapping[str, object]:
    """Without ``until`` it is muted until it is fixed; ``now`` ends that."""
    written = (_text(asked, "until", MAX_NAME) or "fixed").lower()
    if written == "now":
        return {"muted_until": None}
    return {"muted_until": UNTIL_FIXED if written == "fixed" else _until(asked, now)}


def act_on(transaction: Transaction, incident_id: UUID, act: Act) -> Json:
    """Do an act, record it, and return the incident. Living messages follow.

    Raises NotFound, or BadRequest where the act makes no sense.
    """
    incident = incident_search.find(transaction, incident_id, for_update=True)
    _require_sense(incident, act)
    replaced = _replaced(incident, act)
    if replaced is not None and act.replaces not in {True, replaced.by}:
        raise _already_taken(incident, replaced)
    values = {**act.values, "taken_fingerprint": incident.fingerprint} if act.verb == "take" else act.values
    incident_search.change(transaction, incident.id, values)
    record = Action(verb=act.verb, subject_id=incident.id, who=act.who, at=act.at, reason=_on_record(act, replaced))
    actions.record(transaction, record)
    living_messages.order_edits(transaction, [incident.id], act.at)
    return _shape(transaction, incident_search.find(transaction, incident.id))


def _replaced(incident: Incident, act: Act) -> Taken | None:
    """Return the take of another person that an act would end.

    None if there is none, or its time is over.
    """
    taken = incident.taken
    if act.verb != "take" or taken is None or (taken.until is not None and taken.until <= act.at):
        return None
    return None if taken.by.casefold() == str(act.values["taken_by"]).casefold() else taken


def _already_taken(incident: Incident, taken: Taken) -> AlreadyTaken:
    until = f", until {taken.until:%Y-%m-%d %H:%M} UTC" if taken.until else ""
    since = f"since {taken.at:%Y-%m-%d %H:%M} UTC{until}"
    return AlreadyTaken(
        f"incident {incident.id} is taken by {taken.by}, {since}",
        holder=taken.by,
        next_step="say `replace` to take it over",
    )


def _on_record(act: Act, replaced: Taken | None) -> str | None:
    """Return what stands in the history of an act: for whom, until when, why."""
    until = act.values.get("taken_until") or act.values.get("muted_until")
    parts = []
    if act.verb == "take" and act.values["taken_by"] != act.who:
        parts.append(f"for {act.values['taken_by']}")
    if replaced is not None:
        parts.append(f"in place of {replaced.by}")
    if isinstance(until, datetime):
        parts.append("until it is fixed" if until == UNTIL_FIXED else f"until {until:%Y-%m-%d %H:%M} UTC")
    if act.verb == "mute" and until is None:
        parts.append("no longer")
    if act.reason:
        parts.append(act.reason)
    return "; ".join(parts) or None


def _require_sense(incident: Incident, act: Act) -> None:
    problem = None
    if act.verb != "classify" and not incident.is_open:
        closed = f" at {rfc3339(incident.closed_at)}" if incident.closed_at else ""
        problem = f"was closed{closed}: there is nothing to {act.verb}"
    elif act.verb == "release" and incident.taken is None:
        problem = "is not taken: there is nothing to release"
    elif act.verb == "mute" and act.values["muted_until"] is None and not incident.is_muted(act.at):
        problem = "is not muted: there is nothing to end"
    if problem:
        raise BadRequest(f"incident {incident.id} {problem}", status=409)


def list_incidents(
    transaction: Transaction, asked: Mapping[str, Sequence[str]], *, limit: int = 50, cursor: str | None = None
) -> Json:
    """Return one page of incidents, the one that opened last first.

    The shape is ``{"items": [...], "next": cursor or None}``. Raises BadRequest.

    asked   the values of filters: ``project``, ``branch``, ``state``; any of a filter's values fits
    """
    require_limit(limit)
    require_known(asked, FILTERS, "is not something to search by")
    states = {_state(one) for one in asked.get("state", ()) if one}
    projects = [one for one in asked.get("project", ()) if one]
    wanted = Wanted(
        slugs=[slug for one in projects for slug in track_search.find_projects(transaction, one)] if projects else None,
        branches=[one for one in asked.get("branch", ()) if one],
        is_open=states == {OPEN} if len(states) == 1 else None,
    )
    place = to_sort_key(cursor) if cursor else None
    found = incident_search.page(transaction, wanted, limit=limit + 1, beyond=place)
    items = found[:limit]
    last = items[-1] if len(found) > limit else None
    of_tracks = tracks.find_all(transaction, {one.track_id for one in items})
    definitions = definitions_of(transaction, list(of_tracks))
    return {
        "items": [
            incident_json(one, of_tracks[one.track_id].track, definition=definitions.get(one.track_id)) for one in items
        ],
        "next": to_cursor(SortKey(at=last.opened_at, id=last.id)) if last else None,
    }


def _state(written: str) -> str:
    if written not in STATES:
        raise BadRequest(f"{written!a} is not a state; {_near(written, STATES)}")
    return written


def show_incident(transaction: Transaction, incident_id: UUID) -> Json:
    """Return an incident with the ``actions`` of people on it. Raises NotFound."""
    incident = incident_search.find(transaction, incident_id)
    done = actions.of_subjects(transaction, [incident.id])
    return _shape(transaction, incident) | {"actions": [action_json(one) for one in done]}


def _shape(transaction: Transaction, incident: Incident) -> Json:
    track = tracks.find_all(transaction, [incident.track_id])[incident.track_id].track
    return incident_json(incident, track, definition=definitions_of(transaction, [track.id]).get(track.id))


def incident_json(incident: Incident, track: Track, *, definition: str | None = None) -> Json:
    """Return the shape of an incident.

    definition   the pipeline definition, where another of the project has a workflow of that name on that branch
    """
    return {
        "id": str(incident.id),
        "project": track.project_slug or track.project_name,
        "project_name": track.project_name,
        "branch": track.branch,
        "workflow": track.workflow,
        "definition": definition,
        "state": OPEN if incident.is_open else CLOSED,
        "opened_at": rfc3339(incident.opened_at),
        "closed_at": rfc3339(incident.closed_at) if incident.closed_at else None,
        "opened_by": str(incident.opened_by),
        "closed_by": str(incident.closed_by) if incident.closed_by else None,
        "closed_because": incident.closed_because,
        "streak": incident.streak,
        "fingerprint": incident.fingerprint,
        "taken": taken_json(incident.taken),
        "class": incident.klass,
        "class_by": incident.class_by,
        "fixed_by": incident.fixed_by,
        "muted_until": rfc3339(incident.muted_until) if incident.muted_until else None,
    }


def is_muted(shape: Json, now: datetime) -> bool:
    """Return whether an incident of this shape is muted now."""
    return shape["state"] == OPEN and shape["muted_until"] is not None and str(shape["muted_until"]) > rfc3339(now)


def taken_json(taken: Taken | None) -> Json | None:
    """Return the shape of who has an incident; None if it is not taken."""
    if taken is None:
        return None
    until = rfc3339(taken.until) if taken.until else None
    return {"by": taken.by, "at": rfc3339(taken.at), "until": until, "note": taken.note}
