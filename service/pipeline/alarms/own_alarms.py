"""Begin and end alarms of Roundsman's own, and tell the operators of each.

A look says which kinds it looked for, what it found, and of what it could not tell. A trouble is told when it begins
and when it ends, by a notification like any other, but not through the channel that it is about.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from service.db.tables import Transaction
from service.model import Alarm, AlarmKind, News
from service.pipeline.context import Context
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.news.own_news import ALARM_ENDED, OwnNews, plan_own
from service.store.upkeep import alarms

UNSEEN_FOR = timedelta(hours=1)
TITLES = {
    AlarmKind.DEAD_LETTERS: "Roundsman: dead letters wait for a person",
    AlarmKind.CHANNEL_REFUSED: "Roundsman: a channel accepts no messages",
    AlarmKind.CLOCK: "Roundsman: a clock is wrong",
    AlarmKind.TOKEN: "Roundsman: CircleCI does not accept the API token",
    AlarmKind.GAPS: "Roundsman: webhooks of CircleCI do not come",
    AlarmKind.HOOK_DRIFT: "Roundsman: a hook at CircleCI is not as it should be",
    AlarmKind.HOOK_SILENT: "Roundsman: a project builds, and its hook is silent",
    AlarmKind.TOKEN_RIGHT: "Roundsman: a token of CircleCI lacks a right",
    AlarmKind.AUDIT_CHAIN: "Roundsman: the record does not fit its seals",
}
EXPIRY = "expires"
"""A part of the keys of alarms about a token that ends: they are of the kind TOKEN."""
BEHIND = "behind"
"""A part of the key of the alarm that asking for missed webhooks is late: it is of the kind GAPS."""
OWN_TITLES = {
    (AlarmKind.TOKEN, EXPIRY): "Roundsman: a token of CircleCI ends",
    (AlarmKind.GAPS, BEHIND): "Roundsman: missed webhooks are found late",
}
"""The titles of alarms that are not those of their kind, by a part of their keys."""

log = structlog.get_logger()


def title_of(alarm: Alarm) -> str:
    """Return the title of the messages of an alarm."""
    own = (OWN_TITLES.get((alarm.kind, part)) for part in alarm.key.split(":"))
    return next(filter(None, own), TITLES[alarm.kind])


def _never(_: Alarm) -> bool:
    return False


@dataclass(kw_only=True)
class AlarmLook:
    """The troubles that a look found.

    kinds        the kinds that it looked for: alarms of others stay as they are
    alarms       those that it found, by key
    unknown      keys of those of which it cannot tell
    is_foreign   returns whether only another machine can see the end of an alarm: it ends when it is not seen for long
    """

    kinds: frozenset[AlarmKind]
    alarms: dict[str, Alarm] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    is_foreign: Callable[[Alarm], bool] = _never

    def add(self, alarm: Alarm) -> None:
        """Note a trouble as found."""
        self.alarms[alarm.key] = alarm


def make_alarm(
    kind: AlarmKind, sentence: str, now: datetime, *, about: str | None = None, channel_key: str | None = None
) -> Alarm:
    """Return an alarm that begins now.

    about   the channel, machine or project that it is about; None: there is one of its kind
    """
    key = f"{kind}:{about}" if about else kind.value
    return Alarm(key=key, kind=kind, sentence=sentence, begun_at=now, seen_at=now, channel_key=channel_key)


def settle_alarms(transaction: Transaction, context: Context, look: AlarmLook, now: datetime) -> None:
    """Begin and end alarms of the kinds that a look looked for, and tell each."""
    before = {alarm.key: alarm for alarm in alarms.find_all(transaction) if alarm.kind in look.kinds}
    for key, alarm in sorted(look.alarms.items()):
        if key not in before and alarms.begin(transaction, alarm):
            _tell(transaction, context, alarm, now)
    alarms.mark_seen(transaction, look.alarms.keys() & before.keys(), now)
    for alarm in _ended(before.values(), look, now):
        if alarms.end(transaction, alarm.key):
            _tell(transaction, context, alarm, now, has_ended=True)


def _ended(open_: Iterable[Alarm], look: AlarmLook, now: datetime) -> Iterator[Alarm]:
    """Yield the alarms that have ended."""
    for alarm in open_:
        is_over = alarm.key not in look.alarms and alarm.key not in look.unknown
        if is_over and (not look.is_foreign(alarm) or now - alarm.seen_at >= UNSEEN_FOR):
            yield alarm


def _tell(transaction: Transaction, context: Context, alarm: Alarm, now: datetime, *, has_ended: bool = False) -> None:
    receiver = context.receivers.get(context.operators or "")
    channels = [channel for channel in receiver.channels if channel.key != alarm.channel_key] if receiver else []
    title, words = title_of(alarm), alarm.sentence
    if has_ended:
        title, words = f"{title}: this has ended", f"It began at {alarm.begun_at:%Y-%m-%d %H:%M} UTC. {words}"
    topic = f"alarm:{alarm.key}:{alarm.begun_at.isoformat()}{ALARM_ENDED if has_ended else ''}"
    own = OwnNews(
        news=News.OPERATOR, topic=topic, receiver=context.operators or "", title=title, words=words, due_at=now
    )
    planned = plan_own(transaction, context, own, channels)
    enqueue_heads(transaction, context.jobs, planned, now)
    state = "an alarm has ended" if has_ended else "an alarm began"
    log.warning(state, alarm=alarm.key, reason=alarm.sentence, notifications=len(planned))
