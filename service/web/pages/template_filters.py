"""Template filters: times, counts, marks, notification outcomes, bodies."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from markupsafe import Markup, escape

from service.message import one_line
from service.message.status_text import age, duration, severity
from service.model import Notification, NotificationState
from service.model.details import FAILED_RESULTS
from service.operations.json_shapes import Json
from service.store.notifications.summaries import UNTOLD
from service.text import MARK, capitalize_first, cut_off, humanize
from service.web.pages.json_text import format_beginning

MARKS = {"success": "✓", "failure": "✕", "warning": "!", "info": "–"}
OUTCOME_WORDS = {
    NotificationState.DEAD: "not delivered:",
    NotificationState.PENDING: "on the way:",
    NotificationState.DROPPED: "not needed any more:",
    NotificationState.SENT: "",
}
ACTS_DONE = {
    "approve": "approved",
    "cancel": "canceled",
    "cancel_job": "one job canceled",
    "classify": "classified",
    "dismiss": "dismissed",
    "mute": "muted",
    "release": "released",
    "replay": "replayed",
    "rerun_failed": "rerun from failed",
    "resend": "sent again",
    "take": "taken",
    "trigger": "started",
}
NOUNS = {"failure": "failure", "error": "error"}  # test results that have a plural; others have none
DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}
MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)  # independent of the locale
SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
HEADINGS = {
    400: "This cannot be answered as it was asked",
    403: "This is not allowed",
    404: "There is no such page",
    405: "This cannot be done here",
    409: "This cannot be done now",
    413: "This is too large",
    429: "Too many tries",
    500: "Something went wrong here",
    503: "This cannot be shown right now",
}
"""The heading of an error page, by its status."""
UTC_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)
CODE = re.compile(r"(?<![^\s(])`([^`\s][^`]*)`")  # a backtick in a name begins no code
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
NAME_PART = re.compile(r"[^_./:-]*[_./:-]+|[^_./:-]+")
MAX_LETTER_BYTES = 3  # of a name on a page: a name in any alphabet is cut at the same length
MAX_SIGN_BYTES = 5  # a quote as ``&#34;``
MAX_BODY = 20_000  # characters on a page; the whole body can be downloaded
MAX_BODY_HTML = 24_000  # bytes of a body on a page: a sign may take five, and a page of two bodies stays small
MAX_OPTIONS_HTML = 9_000  # bytes of a list to choose from: some two hundred names of the usual length
MAX_BODY_BYTES = 4 * MAX_BODY + 4  # enough bytes for these characters


def short_time(time: str, now: datetime, *, seconds: bool = False) -> str:
    """Return a UTC time: ``today 09:12``, ``yesterday 22:34``, ``3 Nov 09:12``."""
    at, today = datetime.fromisoformat(time).astimezone(UTC), now.astimezone(UTC).date()
    clock = at.time().isoformat("seconds" if seconds else "minutes")
    if day := DAYS.get((at.date() - today).days):
        return f"{day} {clock}"
    year = "" if at.year == today.year else f" {at.year}"
    return f"{at.day} {MONTHS[at.month - 1]}{year} {clock}"


def exact_time(time: str) -> str:
    """Return a time to the second: ``2026-11-22 09:12:03 UTC``."""
    return f"{datetime.fromisoformat(time).astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def time_tag(time: str, now: datetime) -> Markup:
    """Return the element of a time, with the exact time as its title."""
    return _tag_of_time(time, short_time(time, now))


def setting_state(state: str, now: datetime) -> str:
    """Return the state of a setting; of a secret, the time at which it was set."""
    try:
        return Markup("set ") + time_tag(state, now) if UTC_TIME.fullmatch(state) else one_line_or_mark(state)
    except ValueError:  # a day that its month lacks
        return one_line_or_mark(state)


def exact_time_tag(time: str, now: datetime) -> Markup:
    """Return the element of a time that is shown to the second."""
    return _tag_of_time(time, short_time(time, now, seconds=True))


def _tag_of_time(time: str, shown: str) -> Markup:
    # joined, as the format of Markup takes ten times as long: the words are ours
    return Markup(f'<time datetime="{escape(time)}" title="{exact_time(time)}">{shown}</time>')  # noqa: S704


@lru_cache(maxsize=1_000)  # statuses are few words
def status_tag(status: str | None) -> Markup:
    """Return the element of a status, with a sign and a color for its severity."""
    kind = severity(status)
    tag = Markup('<span class="status is-{}"><span aria-hidden="true">{}</span> {}</span>')
    return tag.format(kind, MARKS[kind], one_line_or_mark(humanize(status or "unknown"), 40))


def one_line_or_mark(text: str | None, max_characters: int = 200) -> str:
    """Return a text on one line; a mark for an invisible one: a link needs a name."""
    shown = one_line(text, max_characters) or (MARK if text else "")
    max_bytes = MAX_LETTER_BYTES * max_characters
    return shown if MAX_SIGN_BYTES * len(shown) <= max_bytes else _cut(shown, max_bytes, "...")


def _cut(text: str, max_bytes: int, end: str) -> str:
    """Return as much of a text as takes so many bytes of a page."""
    shown = text
    while (size := len(escape(shown).encode())) > max_bytes:
        shown = cut_off(shown, len(shown) * max_bytes // size)
    return shown if shown is text else shown.rstrip(f" {end[0]}") + end


def options(names: Iterable[str]) -> Markup:
    """Return the options of a list to choose from, as many as there is room for."""
    shown, room = [], MAX_OPTIONS_HTML
    for name in names:
        option = Markup('<option value="{}">').format(name)
        if (size := len(option.encode())) <= room:
            shown.append(option)
            room -= size
    return Markup().join(shown)


def as_sentence(text: str, *names: str) -> str:
    """Return a text with a full stop, and a capital letter if its first word is ours.

    names   those that the text may begin with
    """
    return capitalize_first(text, *names) + ("" if text.endswith((".", "!", "?")) else ".")


def with_breaks(name: str) -> Markup:
    """Return a name of code that wraps after its separators, not before a last letter."""
    return Markup("<wbr>").join(NAME_PART.findall(name))


def with_code(text: str) -> Markup:
    """Return a sentence whose parts in backticks are code."""
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if nth % 2 else part for nth, part in enumerate(CODE.split(text)))


def took(milliseconds: int) -> str:
    """Return a duration as messages have it, without a place to wrap."""
    return duration(milliseconds).replace(" ", NO_BREAK_SPACE)


def length_of_time(seconds: float) -> str:
    """Return a number of seconds as ``38 min``, ``5 h 12 min`` or ``3 days``."""
    return age(timedelta(seconds=seconds)).replace(" ", NO_BREAK_SPACE)


def pluralize(count: int, noun: str) -> str:
    """Return ``1 failure`` or ``3 failures``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def data_size(count: int) -> str:
    """Return a number of bytes as ``1.4 GB``, ``12 MB`` or ``640 kB``."""
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:.0f} {unit}"
    return f"{-(-count // 1000)} kB"


def results(counts: Mapping[str, int]) -> list[str]:
    """Return test results with counts, failures first: ``3 failures``, ``211 passed``."""
    ordered = sorted(counts.items(), key=lambda result: result[0] not in FAILED_RESULTS)
    return [pluralize(n, noun) if (noun := NOUNS.get(name)) else f"{n} {_result(name)}" for name, n in ordered if n]


def _result(name: str) -> str:
    return "passed" if name == "success" else one_line(name, 40)


def times_text(count: int) -> str:
    """Return ``once``, ``twice`` or ``3 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def ago(time: str, now: datetime) -> str:
    """Return ``5 minutes ago``, ``in 2 hours`` or ``just now``."""
    seconds = (now - datetime.fromisoformat(time)).total_seconds()
    for length, name in SPANS:
        count = int(abs(seconds) // length)
        if count:
            span = f"{count} {name}" if count == 1 else f"{count} {name}s"
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now"


def age_of(time: str, now: datetime) -> str:
    """Return the time since then: ``19 min``, ``5 h 12 min`` or ``3 days``."""
    return length_of_time((now - datetime.fromisoformat(time)).total_seconds())


def status_mark(status: str | None) -> str:
    """Return a sign for the severity of a status, readable without color."""
    return MARKS[severity(status)]


@dataclass(frozen=True, kw_only=True)
class OutcomeGroup:
    """Channels with the same outcome, and the words before their names."""

    state: NotificationState
    words: str
    labels: tuple[str, ...]


def outcome_groups(notifications: Iterable[Notification]) -> list[OutcomeGroup]:
    """Return the channels of the notifications by outcome, failures first."""
    lines: list[OutcomeGroup] = []
    outcomes = [(one.channel_label, _outcome(one)) for one in notifications]
    for state, before in OUTCOME_WORDS.items() if outcomes else ():
        labels = tuple(label for label, outcome in outcomes if outcome is state)
        lines += [OutcomeGroup(state=state, words=before, labels=labels)] if labels else []
    return lines


def _outcome(notification: Notification) -> NotificationState:
    """Return the outcome: a notification sent once stays sent after any resend."""
    if notification.was_sent:
        return NotificationState.SENT
    if notification.state is NotificationState.DROPPED and notification.told_in is None:
        return notification.state
    is_to_be_told = notification.told_in is not None and notification.reason != UNTOLD
    is_waiting = notification.is_unfinished or is_to_be_told
    return NotificationState.PENDING if is_waiting else NotificationState.DEAD


def dismissal(actions: Iterable[Json], subject_id: str) -> Json | None:
    """Return the last dismissal of a subject, or None."""
    dismissals = [one for one in actions if one["verb"] == "dismiss" and one["subject_id"] == subject_id]
    return dismissals[-1] if dismissals else None


def act_done(verb: str) -> str:
    """Return an act on record as what was done: ``taken``, ``sent again``."""
    return ACTS_DONE.get(verb, humanize(verb))


def distinct_messages(notification: Json) -> list[Json]:
    """Return the attempts whose message differs from the one before.

    These have ``title`` and ``words``.
    """
    return [attempt for attempt in notification["attempts"] if attempt["title"] is not None]


def rounds(decisions: Sequence[Json]) -> list[list[Json]]:
    """Return the decisions grouped by round, in the order given."""
    return [list(round_) for _, round_ in groupby(decisions, key=itemgetter("round"))]


def pretty_json(body: str) -> str:
    """Return the beginning of a body as formatted JSON.

    A body that is not JSON, or nested too deep, is returned as it is.
    """
    try:
        return format_beginning(body, MAX_BODY)
    except (ValueError, RecursionError):
        return body


def truncate_body(text: str) -> str:
    """Return at most MAX_BODY characters of a text, and MAX_BODY_HTML bytes."""
    return _cut(text if len(text) <= MAX_BODY else text[:MAX_BODY] + " …", MAX_BODY_HTML, " …")


def build_name(event: Json | None) -> str:
    """Return the name of a build: ``acme/web main: build-and-test #1487 failed``."""
    if event is None:
        return "a build that was forgotten"
    place = [event["project"]["full_name"] or "no project", event["tag"] or event["branch"]]
    number = f"#{event['pipeline']['number']}" if event["pipeline"]["number"] else None
    what = [event["workflow"]["name"] or event["kind"], number, (event["job"] or {}).get("name"), event["status"]]
    return (
        f"{' '.join(map(one_line_or_mark, filter(None, place)))}: {' '.join(map(one_line_or_mark, filter(None, what)))}"
    )


def event_type(delivery: Json) -> str:
    """Return the event type in the headers of a delivery, or ``a webhook``."""
    named = (value for name, value in delivery["headers"] if name == "circleci-event-type")
    return next(named, "a webhook")
