"""Words for CircleCI's statuses, triggers and details."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from service.message.blocks import Line, Words, untrusted
from service.model import DetailKind, MissingDetail

# Statuses are an open set: a status that is not here is shown verbatim.
STATUS_WORDS = {
    "success": "succeeded",
    "failed": "failed",
    "error": "could not run (error)",
    "canceled": "was canceled",
    "unauthorized": "was not allowed to run",
    "not_run": "did not run",
    "on_hold": "waits for approval",
    "changed": "changed",  # ours, of settings
    "approved": "was approved",
    "timedout": "timed out",
    "infrastructure_fail": "failed (infrastructure)",
    "terminated-unknown": "was terminated",
}
SEVERITY = {
    "changed": "warning",
    "success": "success",
    "approved": "success",
    "unauthorized": "warning",
    "canceled": "info",
    "not_run": "info",
}
# Statuses of a job that a message counts as failed, whether the job ran or could not start.
FAILED_STATUSES = frozenset(
    {"failed", "error", "timedout", "infrastructure_fail", "terminated-unknown", "unauthorized"}
)
_SEVERITY = {**dict.fromkeys(FAILED_STATUSES, "failure"), **SEVERITY}

# A source names a push after the way the push reached it.
PUSH_TRIGGERS = frozenset({"webhook", "push", "github_app", "gitlab", "bitbucket_dc"})
TRIGGER_WORDS = {
    **dict.fromkeys(PUSH_TRIGGERS, "by a push"),
    "api": "through the API",
    "schedule": "by a schedule",
    "scheduled_pipeline": "by a schedule",
    "explicit": "by hand",
}

DETAIL_NAMES = {
    DetailKind.ACTOR: ("the person who started it",),
    DetailKind.VCS: ("branch", "commit"),
    DetailKind.JOBS: ("jobs",),
    DetailKind.TESTS: ("tests",),
    DetailKind.WORKFLOW: (),
    DetailKind.PULL_REQUEST: (),
    DetailKind.PASSES: (),
    DetailKind.STEPS: (),
    DetailKind.LOG: ("the log",),
}


def severity(status: str | None) -> str:
    """Return the severity by which a channel chooses its color."""
    return _SEVERITY.get(status or "", "info")


def status_words(status: str | None) -> Words:
    """Return the words for a status: ``failed``; an unknown status verbatim."""
    known = STATUS_WORDS.get(status or "")
    return (known,) if known else ("ended as ", *untrusted(status, 40)) if untrusted(status) else ("ended",)


def trigger_sentence(trigger: str | None) -> Line:
    """Return the trigger as a sentence; nothing for a push, the usual trigger."""
    if not trigger or trigger in PUSH_TRIGGERS:
        return ()
    known = TRIGGER_WORDS.get(trigger)
    return (f"Started {known}.",) if known else ("Started by ", *untrusted(trigger, 40), ".")


def trigger_phrase(trigger: str) -> str | None:
    """Return the trigger as a phrase: ``by a push``; None for an unknown trigger."""
    return TRIGGER_WORDS.get(trigger)


def duration_suffix(milliseconds: int | None) -> str:
    """Return `` after 2 min 05 s``, or an empty string if the duration is unknown."""
    return "" if milliseconds is None else f" after {duration(milliseconds)}"


def duration(milliseconds: int) -> str:
    """Return a duration as ``850 ms``, ``42 s``, ``2 min 05 s`` or ``3 h 07 min``."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    if minutes >= 60 or not seconds:
        return age(timedelta(minutes=minutes))
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def age(lasted: timedelta) -> str:
    """Return a length of time as ``38 min``, ``5 h 12 min`` or ``3 days``."""
    minutes = max(int(lasted.total_seconds()), 0) // 60
    if minutes < 1:
        return "less than a minute"
    hours, days = minutes // 60, minutes // (24 * 60)
    if days >= 2:
        return f"{days} days"
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60:02} min" if minutes % 60 else f"{hours} h"


def clock_time(at: datetime, now: datetime) -> str:
    """Return a time as ``09:12 UTC``, with its day if that is another than ``now``'s."""
    shown, today = at.astimezone(UTC), now.astimezone(UTC).date()
    day = "" if shown.date() == today else f"{shown.day} {shown:%b} "
    year = "" if shown.year == today.year else f"{shown.year} "
    return f"{day}{year}{shown:%H:%M} UTC"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``11th``, ``22nd`` ..."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def join_words(words: Sequence[str]) -> str:
    """Return the words as ``a``, ``a and b`` or ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def group_by_reason(missing: Iterable[MissingDetail]) -> dict[str, list[str]]:
    """Return the names of missing details by reason, each once, in the order given."""
    found: dict[str, list[str]] = {}
    for one in missing:
        wanted = found.setdefault(one.reason.strip().rstrip("."), [])
        wanted.extend(word for word in DETAIL_NAMES[one.want] if word not in wanted)
    return found
