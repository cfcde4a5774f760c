"""Silences: set, preview, list and expire them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from service.config.matchers import parse_matchers
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import MAX_SILENCE, Action, KnownProblem, Silence, SilenceState
from service.operations.json_shapes import Json, rfc3339
from service.operations.queries import require_limit
from service.operations.time_filters import to_later_time
from service.pipeline.judgment.silence_facts import index_of, with_facts
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.queue.base import JobQueue
from service.routing.match_keys import read_facts
from service.routing.silences import fit_all
from service.store.audit import actions
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.incidents import silences
from service.store.notifications import kept_back, notification_history
from service.text import clean

PREVIEW_DAYS = 30
MAX_COMMENT = 500
MAX_BEGIN = timedelta(days=90)
MAX_UNEXPIRED = 500
MAX_WORKED_OUT = 2_000
"""The messages that a preview looks at where it works out facts: each costs some milliseconds."""
FIELDS = ("matchers", "from", "until", "comment")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The number of messages of the past that a silence would have kept back.

    since       the time to which the past was looked at: later than 30 days ago if there were too many messages
    is_partial  there were more messages before it
    """

    messages: int
    since: datetime
    is_partial: bool

    def sentence(self, now: datetime) -> str:
        """Return the figure in words."""
        days = PREVIEW_DAYS if not self.is_partial else max(1, (now - self.since).days)
        counted = f"{self.messages} message{'' if self.messages == 1 else 's'} in {days} day{'' if days == 1 else 's'}"
        return f"would have silenced {counted}" + (" (there were more before)" if self.is_partial else "")


def parse_silence(asked: Mapping[str, object], *, who: str, now: datetime) -> Silence:
    """Return the silence that a request asks for. Raises BadRequest.

    asked   ``matchers``, ``until``, ``comment`` and, optional, ``from``
    """
    if unknown := next((name for name in asked if name not in FIELDS), None):
        raise BadRequest(f"{unknown!a} is no field of a silence; there are {', '.join(FIELDS)}")
    matchers = asked.get("matchers")
    if not isinstance(matchers, Mapping) or not matchers:
        raise BadRequest('matchers must say what to silence by match keys, such as {"branch": "main"}')
    starts_at = max(now, _time(asked, "from", now) or now)
    ends_at = _time(asked, "until", starts_at)
    if ends_at is None:
        raise BadRequest("until is missing; write when the silence ends, such as 2h or 2026-11-22T09:30:00Z")
    _check_span(starts_at, ends_at, now)
    return Silence(
        id=uuid4(),
        matchers=parse_matchers(matchers),
        starts_at=starts_at,
        ends_at=ends_at,
        who=who,
        comment=_comment(asked.get("comment")),
        created_at=now,
    )


def _time(asked: Mapping[str, object], name: str, base: datetime) -> datetime | None:
    written = asked.get(name)
    if written is None or written == "":
        return None
    if not isinstance(written, str):
        raise BadRequest(f"{name} must be a text, such as 2h or 2026-11-22T09:30:00Z")
    return to_later_time(written, base)


def _check_span(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= starts_at:
        raise BadRequest("until must be later than now and than from: else nothing is silenced")
    if ends_at - starts_at > MAX_SILENCE:
        raise BadRequest(
            f"a silence may last {MAX_SILENCE.days} days at most, so that none is forgotten; choose an earlier until"
        )
    if starts_at - now > MAX_BEGIN:
        raise BadRequest(f"from may be at most {MAX_BEGIN.days} days ahead; choose an earlier one")


def _comment(written: object) -> str:
    comment = re.sub(r"\s+", " ", clean(written)).strip() if isinstance(written, str) else ""
    if not comment:
        raise BadRequest("comment is missing; say why it is silenced, for those who wonder")
    if len(comment) > MAX_COMMENT:
        raise BadRequest(f"a comment may have {MAX_COMMENT} characters, and this one has {len(comment)}; shorten it")
    return comment


def preview(
    transaction: Transaction,
    silence: Silence,
    now: datetime,
    *,
    limit: int | None = None,
    from_file: Sequence[KnownProblem] = (),
) -> Preview:
    """Count the messages of the last 30 days that a silence would have kept back.

    limit       the number of messages to look at, the newest first; fewer where facts of them are to be worked out
    from_file   the known problems of roundsman.yaml
    """
    since, last, messages = now - timedelta(days=PREVIEW_DAYS), None, 0
    asked = index_of([replace(silence, starts_at=now)], now)
    limit = limit or (notification_history.MAX_NOTIFICATIONS if asked is None else MAX_WORKED_OUT)
    for last in notification_history.walk(transaction, since=since, limit=limit):
        counts = {event.id: count for event, count in last.events}
        known = [event for event, _ in last.events]
        if asked is not None:
            known = with_facts(transaction, known, quiet=asked, from_file=from_file, now=now)
        messages += sum(counts[one.id] for one in known if fit_all(silence.matchers, read_facts(one)))
    if last is None or last.is_last:
        return Preview(messages=messages, since=since, is_partial=False)
    return Preview(messages=messages, since=last.oldest, is_partial=True)


async def add(store: Store, silence: Silence, *, from_file: Sequence[KnownProblem] = ()) -> Preview:
    """Set a silence; return its preview. Raises BadRequest if there are too many."""
    previewed = await store.snapshot(preview, silence, silence.created_at, from_file=from_file)
    await store.write(_put, silence)
    return previewed


def _put(transaction: Transaction, silence: Silence) -> None:
    if len(silences.unexpired(transaction, silence.created_at)) >= MAX_UNEXPIRED:
        raise BadRequest(f"there are {MAX_UNEXPIRED} silences; expire some, or silence more with one", status=409)
    silences.put(transaction, silence)
    actions.record(transaction, _action("silence", silence, silence.who, silence.created_at))


async def expire(store: Store, jobs: JobQueue, silence_id: UUID, *, who: str, now: datetime) -> Silence:
    """End a silence now, and return it. What it kept back is looked at now.

    Raises NotFound, or BadRequest if it has ended.
    """

    def end(transaction: Transaction) -> Silence:
        silence = silences.find(transaction, silence_id)
        if not silences.expire(transaction, silence_id, now, who=who):
            raise BadRequest(f"silence {silence_id} ended at {rfc3339(silence.ends_at)}", status=409)
        actions.record(transaction, _action("expire", silence, who, now))
        waiting = kept_back.end_silences(transaction, now)
        enqueue_heads(transaction, jobs, waiting, now)
        return silences.find(transaction, silence_id)

    return await store.write(end)


def _action(verb: str, silence: Silence, who: str, at: datetime) -> Action:
    return Action(verb=verb, subject_id=silence.id, who=who, at=at, reason=silence.comment)


def list_silences(
    transaction: Transaction,
    now: datetime,
    *,
    states: Sequence[SilenceState] = (),
    limit: int = 50,
    cursor: str | None = None,
) -> Json:
    """Return one page of silences, those that end last first.

    The shape is ``{"items": [...], "next": cursor or None}``.

    states   default: those that have not ended. Only those that have are listed page by page. Raises BadRequest.
    """
    require_limit(limit)
    wanted = set(states) or {SilenceState.PENDING, SilenceState.ACTIVE}
    open_ = [] if cursor else [one for one in silences.unexpired(transaction, now) if one.state(now) in wanted]
    ended: Sequence[Silence] = []
    if SilenceState.EXPIRED in wanted:
        ended = silences.expired(transaction, now, limit=limit + 1, beyond=to_sort_key(cursor) if cursor else None)
    items = [silence_json(one, now) for one in (*open_, *ended[:limit])]
    has_more = len(ended) > limit
    last = ended[limit - 1] if has_more else None
    return {"items": items, "next": to_cursor(SortKey(at=last.ends_at, id=last.id)) if last else None}


def to_states(written: Sequence[str]) -> list[SilenceState]:
    """Return the states that were asked for. Raises BadRequest."""
    for one in written:
        if one not in list(SilenceState):
            raise BadRequest(f"{one!a} is not a state; there are {', '.join(SilenceState)}")
    return [SilenceState(one) for one in written]


def silence_json(silence: Silence, now: datetime) -> Json:
    """Return the shape of a silence; patterns that exclude have a leading ``!``."""
    return {
        "id": str(silence.id),
        "matchers": {
            one.key: [*one.patterns, *(f"!{pattern}" for pattern in one.excluded)] for one in silence.matchers
        },
        "from": rfc3339(silence.starts_at),
        "until": rfc3339(silence.ends_at),
        "who": silence.who,
        "comment": silence.comment,
        "state": silence.state(now),
        "created_at": rfc3339(silence.created_at),
        "expired_by": silence.expired_by,
    }


def preview_json(previewed: Preview) -> Json:
    """Return the shape of a preview."""
    return {"messages": previewed.messages, "since": rfc3339(previewed.since), "is_partial": previewed.is_partial}
