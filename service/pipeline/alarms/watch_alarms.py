"""Find troubles of Roundsman's own, and tell the operators of each.

One process looks once a minute. Dead letters of alarms raise none.
"""

import platform
from datetime import datetime, timedelta

import structlog

from service.db.tables import Transaction
from service.model import Alarm, AlarmKind
from service.pipeline.alarms.own_alarms import AlarmLook, make_alarm, settle_alarms
from service.pipeline.alarms.token_alarms import look_at_expiry, look_at_tokens, token_keys
from service.pipeline.context import Context
from service.store.upkeep import alarms

WATCH_EVERY_S = 60.0
REFUSED_FOR = timedelta(hours=1)
TOKEN_EVERY_MIN = 10  # a call of CircleCI's API: not at each look
KINDS = frozenset({AlarmKind.DEAD_LETTERS, AlarmKind.CHANNEL_REFUSED, AlarmKind.CLOCK, AlarmKind.TOKEN})
PLURALS = {"delivery": "deliveries", "notification": "notifications"}

log = structlog.get_logger()


async def watch_alarms(context: Context) -> None:
    """Look for troubles once, and tell the operators what has begun or ended."""
    if context.operators is None:
        return
    found, now = AlarmLook(kinds=KINDS, is_foreign=_is_foreign_clock), context.clock()
    if now.minute % TOKEN_EVERY_MIN == 0:
        await look_at_tokens(context, found, now)
    else:
        found.unknown.update(token_keys())
    look_at_expiry(context, found, now)
    _look_at_clock(context, found, now)
    await context.store.write(_settle, context, found, now)


def _look_at_clock(context: Context, found: AlarmLook, now: datetime) -> None:
    """Compare this machine's clock; those of others are seen when it is their turn."""
    if context.store.is_shared and context.store.clock.is_off:
        sentence = f"{context.store.clock.comparison}; have it set by NTP."
        found.add(make_alarm(AlarmKind.CLOCK, sentence, now, about=platform.node()))


def _settle(transaction: Transaction, context: Context, found: AlarmLook, now: datetime) -> None:
    _look_at_rows(transaction, context, found, now)
    settle_alarms(transaction, context, found, now)


def _look_at_rows(transaction: Transaction, context: Context, found: AlarmLook, now: datetime) -> None:
    counts = {kind: count for kind, count in alarms.count_dead(transaction).items() if count}
    if counts:
        counted = " and ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())
        sentence = (
            f"{counted.replace('deliverys', 'deliveries')}: `roundsman dead-letters` says what, why and what to do."
        )
        found.add(make_alarm(AlarmKind.DEAD_LETTERS, sentence, now))
    for channel in alarms.failing_channels(transaction, before=now - REFUSED_FOR):
        if context.channel(channel.key) is None:
            continue
        waiting = f"{channel.messages} message{'' if channel.messages == 1 else 's'}"
        sentence = (
            f"Channel {channel.label} has accepted nothing since {channel.since:%Y-%m-%d %H:%M} UTC, "
            f"and not {waiting}: `roundsman receivers test` shows what it answers."
        )
        found.add(make_alarm(AlarmKind.CHANNEL_REFUSED, sentence, now, about=channel.key, channel_key=channel.key))


def _is_foreign_clock(alarm: Alarm) -> bool:
    """Return whether an alarm is of a clock that another machine compares."""
    return alarm.kind is AlarmKind.CLOCK and alarm.key != f"{AlarmKind.CLOCK}:{platform.node()}"
