"""The JSON shapes that outside users rely on: the API, ``--json`` and the pages all show these.

Times are RFC 3339 in UTC; what is absent is null.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any

from service.model import Action, Attempt, Decision, Delivery, Details, Event, Notification, Refusal, Session
from service.text import decode

Json = dict[str, Any]


def event_json(event: Event) -> Json:
    """An event, its parts nested: ``project``, ``pipeline``, ``workflow``, ``job``, ``commit``, ``actor``."""
    shape: Json = _plain(event)
    return shape | {"project": {**shape["project"], "full_name": event.project_name}}


def details_json(details: Details | None) -> Json | None:
    """What the source told us; null when we never asked."""
    if details is None:
        return None
    shape: Json = _plain(details)
    return shape | {"wanted": sorted(details.wanted), "may_improve": details.may_improve}


def decision_json(judged: int, decided_at: datetime, decision: Decision) -> Json:
    """What a route said when the event was judged for the ``round``-th time."""
    return {"round": judged, "decided_at": _plain(decided_at), **_plain(decision)}


def notification_json(notification: Notification, attempts: Sequence[Attempt], done: Iterable[Action]) -> Json:
    """A notification with its attempts in order, and which of them were asked for, by what was ``done`` to it.

    What is not owed has no next attempt.
    """
    shape = _plain(notification)
    del shape["attempts"], shape["channel_key"], shape["server_lane"], shape["topic"]
    if not notification.is_unfinished:
        shape["next_attempt_at"] = None
    asked = _asked_by(attempts, done)
    return {**shape, "attempts": [attempt_json(attempt, asked.get(attempt.number)) for attempt in attempts]}


def _asked_by(attempts: Sequence[Attempt], done: Iterable[Action]) -> dict[int, str]:
    """Who asked for which attempt: the next to begin after a resend; those that follow are retries of our own."""
    asked = {}
    for resend in (action for action in done if action.verb == "resend"):
        began = (attempt.number for attempt in attempts if attempt.started_at >= resend.at)
        if number := next(began, None):
            asked[number] = resend.who
    return asked


def attempt_json(attempt: Attempt, asked_by: str | None) -> Json:
    """One try; ``asked_by`` is null where it was not a person's wish."""
    shape: Json = _plain(attempt)
    del shape["notification_id"]
    return {**shape, "asked_by": asked_by}


def delivery_json(delivery: Delivery, *, body_bytes: int | None = None, body_limit: int | None = None) -> Json:
    """A delivery as it came; ``body`` as text, with anything that is not UTF-8 shown as escapes.

    ``body_bytes`` is the whole length, where the delivery holds the beginning of its body only; of more bytes than
    ``body_limit`` no more are read.
    """
    shape: Json = _plain({name: value for name, value in vars(delivery).items() if name not in {"body", "signed"}})
    shape["headers"] = [list(pair) for pair in delivery.headers]
    signed = delivery.signed
    shape["signed"] = {"secret": signed.number, "fingerprint": signed.fingerprint} if signed else None
    shape["body"] = decode(delivery.body, body_limit)
    shape["body_bytes"] = len(delivery.body) if body_bytes is None else body_bytes
    return shape


def action_json(action: Action) -> Json:
    """What an operator did."""
    shape: Json = _plain(action)
    return shape


def session_json(session: Session) -> Json:
    """A session of the pages, as its row has it."""
    shape: Json = _plain(session)
    return shape


def refusal_json(refusal: Refusal) -> Json:
    """A post that was refused, as one of the last on record."""
    shape: Json = _plain(refusal)
    return shape


def rfc3339(time: datetime) -> str:
    """A time in UTC, to the millisecond: ``2026-11-22T09:30:00.000Z``."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """The value as JSON has it. Not by ``asdict``, which copies whatever it finds: a page took twice as long."""
    match value:
        case str() | int() | float() | None:
            return value
        case datetime():
            return rfc3339(value)
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case frozenset():
            return sorted(value)
        case Sequence():
            return [_plain(one) for one in value]
        case _:
            return _plain(vars(value)) if is_dataclass(value) else str(value)
