"""The JSON shapes of the API, ``--json`` and the pages.

Outside users rely on them. Times are RFC 3339 in UTC; absent values are null.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from typing import Any

from service.model import (
    FAILED_RESULTS,
    Action,
    Attempt,
    Decision,
    Delivery,
    Details,
    Event,
    Notification,
    NotificationState,
    Refusal,
    RunState,
    Session,
    TestCoverage,
)
from service.model.reconciling import WebhookGaps
from service.model.same_names import mark_of, tell_apart
from service.text import decode

Json = dict[str, Any]


def with_marks(*lists: Iterable[Json]) -> list[list[Json]]:
    """Return lists of shapes of projects, each with its ``mark``.

    A mark stands behind a name that several of them have, and is empty for others.

    lists   those of one page; shapes with ``project``, a slug, and ``project_name``. They stay as they are: some are
            kept for the next reader
    """
    found = [list(some) for some in lists]
    marks = tell_apart((one["project_name"], one["project"]) for some in found for one in some)
    return [[one | {"mark": mark_of(marks, one["project"])} for one in some] for some in found]


def event_json(event: Event) -> Json:
    """Return the shape of an event.

    Its parts are nested: ``project``, ``pipeline``, ``workflow``, ``job``, ``commit``, ``actor``,
    ``pull_request``. The last keys are of its run, as judged: null before that, and for a job.
    """
    shape = _plain_values({name: value for name, value in vars(event).items() if name not in {"run", "facts"}})
    workflow, project = shape["workflow"], shape["project"]
    shape["workflow"] = {name: workflow[name] for name in ("id", "name", "status", "url")}
    shape["project"] = {**project, "full_name": event.project_name}
    return shape | _run_json(event.run)


def _run_json(run: RunState | None) -> Json:
    if run is None:
        return dict.fromkeys(("transition", "streak", "incident", "is_late", "number_in_pipeline"))
    return {
        "transition": run.transition,
        "streak": run.streak,
        "incident": _plain(run.incident_id),
        "is_late": run.is_late,
        "number_in_pipeline": run.number_in_pipeline,
    }


def details_json(details: Details | None) -> Json | None:
    """Return the shape of the source's details; None if the source was never asked."""
    if details is None:
        return None
    shape: Json = _plain(details)
    return shape | {"wanted": sorted(details.wanted), "may_improve": details.may_improve}


def unnamed_failures(tests: Json, named: int) -> int:
    """Return the number of failed tests without those that are named.

    CircleCI may count more than are kept.
    """
    counted: int = sum(count for result, count in tests["counts"].items() if result in FAILED_RESULTS)
    return max(counted, len(tests["failures"])) - named


def decision_json(judged: int, decided_at: datetime, decision: Decision) -> Json:
    """Return the shape of a route's decision; ``round`` counts the event's judgments."""
    return {"round": judged, "decided_at": _plain(decided_at), **_plain(decision)}


def notification_json(notification: Notification, attempts: Sequence[Attempt], done: Iterable[Action]) -> Json:
    """Return the shape of a notification with its attempts in order.

    done   the operators' actions on it: an attempt that follows a resend names the operator who asked for it
    A notification that is not to be sent has no next attempt.
    """
    shape = _plain(notification)
    for name in ("attempts", "channel_key", "server_lane", "topic", "track_id", "project_slug", "project_name"):
        del shape[name]
    shape["incident"] = shape.pop("incident_id")
    if not notification.is_unfinished:
        shape["next_attempt_at"] = None
    if notification.state is not NotificationState.PENDING or notification.attempts:
        shape["waits_for"] = None
    asked = _asked_by(attempts, done)
    return {**shape, "attempts": [attempt_json(attempt, asked.get(attempt.number)) for attempt in attempts]}


def _asked_by(attempts: Sequence[Attempt], done: Iterable[Action]) -> dict[int, str]:
    """Return the operator who asked for an attempt, by the attempt's number.

    That is the first attempt after each resend; those that follow it are automatic retries.
    """
    asked = {}
    for resend in (action for action in done if action.verb == "resend"):
        began = (attempt.number for attempt in attempts if attempt.started_at >= resend.at)
        if number := next(began, None):
            asked[number] = resend.who
    return asked


def attempt_json(attempt: Attempt, asked_by: str | None) -> Json:
    """Return the shape of an attempt; ``asked_by`` is the operator's name, if any."""
    shape: Json = _plain(attempt)
    del shape["notification_id"]
    return {**shape, "asked_by": asked_by}


def delivery_json(delivery: Delivery, *, body_bytes: int | None = None, body_limit: int | None = None) -> Json:
    """Return the shape of a delivery; ``body`` is text, with invalid UTF-8 as escapes.

    body_bytes   the length of the whole body, if the delivery has only its beginning
    body_limit   show at most this many bytes of the body
    """
    shape: Json = _plain(
        {name: value for name, value in vars(delivery).items() if name not in {"body", "signed", "due_at"}}
    )
    shape["headers"] = [list(pair) for pair in delivery.headers]
    signed = delivery.signed
    shape["signed"] = {"secret": signed.number, "fingerprint": signed.fingerprint} if signed else None
    shape["body"] = decode(delivery.body, body_limit)
    shape["body_bytes"] = len(delivery.body) if body_bytes is None else body_bytes
    return shape


def action_json(action: Action) -> Json:
    """Return the shape of an operator's action."""
    shape: Json = _plain(action)
    return shape


def session_json(session: Session) -> Json:
    """Return the shape of a session of the pages."""
    shape: Json = _plain(session)
    return shape


def refusal_json(refusal: Refusal) -> Json:
    """Return the shape of a refused post on record."""
    shape: Json = _plain(refusal)
    return shape


def coverage_json(coverage: TestCoverage) -> Json:
    """Return the shape of a coverage of tests."""
    return {"known": coverage.known, "red_runs": coverage.red_runs}


def rfc3339(time: datetime) -> str:
    """Return a UTC time to the millisecond: ``2026-11-22T09:30:00.000Z``."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Return a value in JSON's types.

    ``asdict`` would also copy every value, which doubles the time of a page.
    """
    if type(value) in _JSON_TYPES:
        return value
    return _converter(type(value))(value)  # type: ignore[arg-type]  # reason: mypy does not know that types have hashes


_JSON_TYPES = frozenset({str, int, float, bool, type(None)})


@cache  # the types of values are few: to look for the way of each value takes most of the time of a page
def _converter(kind: type) -> Callable[[Any], Any]:
    """Return the function that brings values of a type into JSON's types."""
    known: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
        ((str, int, float), lambda value: value),
        (datetime, rfc3339),
        (Mapping, _plain_values),
        (frozenset, sorted),
        (Sequence, lambda value: [_plain(one) for one in value]),
    )
    found = (convert for kinds, convert in known if issubclass(kind, kinds))
    return next(found, (lambda value: _plain_values(vars(value))) if is_dataclass(kind) else str)


def _plain_values(values: Mapping[Any, Any]) -> Json:
    return {key: one if type(one) in _JSON_TYPES else _plain(one) for key, one in values.items()}


def gaps_json(gaps: WebhookGaps) -> Json:
    """Return the gaps in CircleCI's webhooks over a day."""
    return {
        "runs": gaps.runs,
        "missed": gaps.missed,
        "late": gaps.late,
        "rate": round(gaps.rate, 4),
        "delay_s": gaps.delay_s,
        "delay_95_s": gaps.delay_95_s,
        "waiting": gaps.waiting,
        "behind_s": round(gaps.behind_s, 1),
        "is_behind": gaps.is_behind,
        "checked_until": rfc3339(gaps.checked_until) if gaps.checked_until else None,
    }
