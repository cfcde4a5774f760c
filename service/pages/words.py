"""How facts look on a page: times, durations, marks, and who was told in a few words."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from service.manage.shapes import Json
from service.message.words import severity
from service.model import Notification, Outcome

MARKS = {"success": "✓", "failure": "✕", "warning": "!", "info": "–"}
TELLING = ("could not tell", "telling", "told")
SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
LONGEST_BODY = 20_000  # characters on a page; the rest is a download away


def when(time: str) -> str:
    """``2026-11-22 09:12:03``, in UTC."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(time: str, now: datetime) -> str:
    """``5 minutes ago``, ``in 2 hours`` or ``just now``."""
    seconds = (now - datetime.fromisoformat(time)).total_seconds()
    for length, name in SPANS:
        count = int(abs(seconds) // length)
        if count:
            span = f"{count} {name}" if count == 1 else f"{count} {name}s"
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now"


def mark(status: str | None) -> str:
    """A sign that tells good from bad also without colour."""
    return MARKS[severity(status)]


@dataclass(frozen=True, kw_only=True)
class Told:
    """Channels that are equally far: ``told``, ``telling`` or ``could not tell``."""

    verb: str
    labels: tuple[str, ...]


def told(notifications: Iterable[Notification]) -> list[Told]:
    """Who was told, the bad news first."""
    lines = []
    for verb in TELLING:
        labels = tuple(one.channel_label for one in notifications if _telling(one) == verb)
        lines += [Told(verb=verb, labels=labels)] if labels else []
    return lines


def _telling(notification: Notification) -> str:
    """How far it is with telling them at all: what comes of a resend makes nobody unhear it."""
    if notification.is_told:
        return "told"
    return "telling" if notification.is_owed else "could not tell"


def told_again_at(notification: Json) -> str | None:
    """When a resend last arrived; None when what arrived was the first telling, or nothing."""
    sent = [attempt["ended_at"] for attempt in notification["attempts"] if attempt["outcome"] == Outcome.SENT]
    return sent[-1] if len(sent) > 1 else None


def dismissal(actions: Iterable[Json], subject_id: str) -> Json | None:
    """Who dismissed this, when and why, if somebody did; the last time counts."""
    dismissals = [one for one in actions if one["verb"] == "dismiss" and one["subject_id"] == subject_id]
    return dismissals[-1] if dismissals else None


def wordings(notification: Json) -> list[Json]:
    """The attempts that said something else than those before them, with its ``title`` and ``words``."""
    return [attempt for attempt in notification["attempts"] if attempt["title"] is not None]


def rounds(decisions: Sequence[Json]) -> list[list[Json]]:
    """Decisions gathered by the round in which they were made, in the order given."""
    return [list(round_) for _, round_ in groupby(decisions, key=itemgetter("round"))]


def pretty(body: str) -> str:
    """A body as people read JSON; as it is when it is none."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):  # a thousand brackets are a body too
        return body


def opening(text: str) -> str:
    """As much of a text as a page can bear."""
    return text if len(text) <= LONGEST_BODY else text[:LONGEST_BODY] + " …"
