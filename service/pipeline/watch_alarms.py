"""Find troubles of Roundsman's own, and tell the operators of each.

One process looks once a minute. A trouble is told when it begins and when it ends, by a notification like any other,
but not through the channel that it is about. Dead letters of alarms raise none.
"""

import platform
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from service.circleci.circleci import CircleCI
from service.db.tables import Transaction
from service.errors import NoToken, Permanent, Temporary
from service.model import Alarm, AlarmKind, News
from service.pipeline.context import Context
from service.pipeline.lane_heads import enqueue_heads
from service.pipeline.own_news import ALARM_ENDED, OwnNews, plan_own
from service.store import alarms

WATCH_EVERY_S = 60.0
REFUSED_FOR = timedelta(hours=1)
TOKEN_EVERY_MIN = 10  # a call of CircleCI's API: not at each look
UNSEEN_FOR = timedelta(hours=1)
TITLES = {
    AlarmKind.DEAD_LETTERS: "Roundsman: dead letters wait for a person",
    AlarmKind.CHANNEL_REFUSED: "Roundsman: a channel accepts no messages",
    AlarmKind.CLOCK: "Roundsman: a clock is wrong",
    AlarmKind.TOKEN: "Roundsman: CircleCI does not accept the API token",
}

PLURALS = {"delivery": "deliveries", "notification": "notifications"}

log = structlog.get_logger()


@dataclass(kw_only=True)
class _Found:
    """The troubles that a look found.

    unknown   keys of those of which this look cannot tell
    """

    alarms: dict[str, Alarm] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)

    def add(self, alarm: Alarm) -> None:
        self.alarms[alarm.key] = alarm


async def watch_alarms(context: Context) -> None:
    """Look for troubles once, and tell the operators what has begun or ended."""
    if context.operators is None:
        return
    found, now = _Found(), context.clock()
    if now.minute % TOKEN_EVERY_MIN == 0:
        await _look_at_token(context, found, now)
    else:
        found.unknown.add(AlarmKind.TOKEN)
    _look_at_clock(context, found, now)
    await context.store.write(_judge, context, found, now)


async def _look_at_token(context: Context, found: _Found, now: datetime) -> None:
    if not isinstance(context.source, CircleCI):
        return
    try:
        await context.source.me()
    except NoToken:
        return
    except Temporary:
        found.unknown.add(AlarmKind.TOKEN)
    except Permanent as error:
        found.add(_alarm(AlarmKind.TOKEN, f"{error}: messages lack jobs, tests and the actor.", now))


def _look_at_clock(context: Context, found: _Found, now: datetime) -> None:
    """Compare this machine's clock; those of others are seen when it is their turn."""
    if context.store.is_shared and context.store.clock.is_off:
        sentence = f"{context.store.clock.comparison}; have it set by NTP."
        found.add(_alarm(AlarmKind.CLOCK, sentence, now, about=platform.node()))


def _judge(transaction: Transaction, context: Context, found: _Found, now: datetime) -> None:
    _look_at_rows(transaction, context, found, now)
    before = {alarm.key: alarm for alarm in alarms.find_all(transaction)}
    for key, alarm in sorted(found.alarms.items()):
        if key not in before and alarms.begin(transaction, alarm):
            _tell(transaction, context, alarm, now)
    alarms.mark_seen(transaction, found.alarms.keys() & before.keys(), now)
    for alarm in _ended(before.values(), found, now):
        if alarms.end(transaction, alarm.key):
            _tell(transaction, context, alarm, now, has_ended=True)


def _look_at_rows(transaction: Transaction, context: Context, found: _Found, now: datetime) -> None:
    counts = {kind: count for kind, count in alarms.count_dead(transaction).items() if count}
    if counts:
        counted = " and ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())
        sentence = (
            f"{counted.replace('deliverys', 'deliveries')}: `roundsman dead-letters` says what, why and what to do."
        )
        found.add(_alarm(AlarmKind.DEAD_LETTERS, sentence, now))
    for channel in alarms.failing_channels(transaction, before=now - REFUSED_FOR):
        if context.channel(channel.key) is None:
            continue
        waiting = f"{channel.messages} message{'' if channel.messages == 1 else 's'}"
        sentence = (
            f"{channel.label} has accepted nothing since {channel.since:%Y-%m-%d %H:%M} UTC, and not {waiting}: "
            "`roundsman receivers test` shows what it answers."
        )
        found.add(_alarm(AlarmKind.CHANNEL_REFUSED, sentence, now, about=channel.key, channel_key=channel.key))


def _alarm(
    kind: AlarmKind, sentence: str, now: datetime, *, about: str | None = None, channel_key: str | None = None
) -> Alarm:
    key = f"{kind}:{about}" if about else kind.value
    return Alarm(key=key, kind=kind, sentence=sentence, begun_at=now, seen_at=now, channel_key=channel_key)


def _ended(open_: Collection[Alarm], found: _Found, now: datetime) -> Iterator[Alarm]:
    """Yield the alarms that have ended.

    A clock is compared by its own machine alone: that of another one ends if it is not seen for long.
    """
    own_clock = f"{AlarmKind.CLOCK}:{platform.node()}"
    for alarm in open_:
        is_foreign = alarm.kind is AlarmKind.CLOCK and alarm.key != own_clock
        is_over = alarm.key not in found.alarms and alarm.key not in found.unknown
        if is_over and (not is_foreign or now - alarm.seen_at >= UNSEEN_FOR):
            yield alarm


def _tell(transaction: Transaction, context: Context, alarm: Alarm, now: datetime, *, has_ended: bool = False) -> None:
    receiver = context.receivers.get(context.operators or "")
    channels = [channel for channel in receiver.channels if channel.key != alarm.channel_key] if receiver else []
    title, words = TITLES[alarm.kind], alarm.sentence
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
