"""Check the audit chain while the service runs, some seals a minute.

A round may take days: `roundsman audit verify` reads everything at once, and finds rows that were inserted too. A fault
is told to the operators, and ends when its seal fits again. The newest seal is remembered from look to look: one who
writes the whole chain anew is seen by that, as long as the process lives.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from service.db.tables import Transaction
from service.model import Alarm, AlarmKind, Seal
from service.pipeline.alarms.own_alarms import AlarmLook, make_alarm, settle_alarms
from service.pipeline.context import Context
from service.store.audit import seals
from service.store.audit.seal_checks import SealCheck, check_seals, hash_of
from service.store.upkeep import alarms
from service.text import capitalize_first

MAX_ROWS = 1_000  # of one look: about a tenth of a second
MAX_ALARMS = 3  # about single seals: one who tampered with all of them is told of once
STOPPED_AFTER = timedelta(minutes=20)  # a seal is made every ten minutes also where there is nothing new
ANEW_FOR = timedelta(days=1)
SEAL, STOPPED, ANEW = "seal", "stopped", "anew"
NEXT_STEP = "`roundsman audit verify` names all that does not fit"


class ChainWatch:
    """Checks the chain step by step, and remembers the newest seal that it saw."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._begun_at: datetime | None = None
        self._seen: Seal | None = None

    async def look(self, context: Context) -> None:
        """Check some seals, and tell the operators of what does not fit."""
        now = context.clock()
        self._begun_at = self._begun_at or now
        newest, open_, same = await context.store.read(_read, self._seen)
        checks = await self._check(context, newest, open_)
        look = AlarmLook(kinds=frozenset({AlarmKind.AUDIT_CHAIN}))
        look.unknown |= {one.key for one in open_ if not _was_checked(one, checks, newest, now)}
        _add_faults(look, checks, now)
        if newest is not None and now - max(newest.sealed_at, self._begun_at) > STOPPED_AFTER:
            _add(look, STOPPED, f"Nothing was sealed since {newest.sealed_at:%Y-%m-%d %H:%M} UTC: see the log", now)
        if self._seen is not None and not same:
            was = f"Seal {self._seen.number} is another than the one that was there, or is gone"
            _add(look, ANEW, f"{was}: the chain was made anew, or the database was restored. {NEXT_STEP}", now)
        self._seen = newest
        if look.alarms.keys() - {one.key for one in open_} or {one.key for one in open_} - look.unknown:
            await context.store.write(settle_alarms, context, look, now)

    async def _check(self, context: Context, newest: Seal | None, open_: Sequence[Alarm]) -> list[SealCheck]:
        """Check the seals that were faulty, and the next ones of the round."""
        if newest is None:
            return []
        if self._next is None or self._next > newest.number:
            self._next = 1 if self._next else random.randint(1, newest.number)
        again = [number for one in open_ if (number := _number(one)) is not None]
        checks = [await context.store.snapshot(check_seals, number, max_rows=1) for number in again]
        checks.append(await context.store.snapshot(check_seals, self._next, max_rows=MAX_ROWS))
        found = [one for one in checks if one is not None]
        self._next = found[-1].last + 1
        return found


def _read(transaction: Transaction, seen: Seal | None) -> tuple[Seal | None, list[Alarm], bool]:
    """Return the newest seal, the open alarms, and whether a seal is as it was."""
    open_ = [one for one in alarms.find_all(transaction) if one.kind is AlarmKind.AUDIT_CHAIN]
    return seals.last(transaction), open_, seen is None or hash_of(transaction, seen.number) == seen.hash


def _number(alarm: Alarm) -> int | None:
    """Return the seal that an alarm is about."""
    _, about, *rest = alarm.key.split(":")
    return int(rest[0]) if about == SEAL and rest else None


def _was_checked(alarm: Alarm, checks: Iterable[SealCheck], newest: Seal | None, now: datetime) -> bool:
    """Return whether the checks tell if an alarm has ended."""
    number = _number(alarm)
    if number is not None:
        is_gone = newest is None or number > newest.number
        return is_gone or any(one.first <= number <= one.last for one in checks)
    return alarm.key.endswith(STOPPED) or now - alarm.begun_at >= ANEW_FOR


def _add_faults(look: AlarmLook, checks: Iterable[SealCheck], now: datetime) -> None:
    """Add an alarm for each seal with faults, as far as there may be more."""
    for fault in (fault for check in checks for fault in check.faults):
        about = f"{SEAL}:{fault.seal}"
        is_new = f"{AlarmKind.AUDIT_CHAIN}:{about}" not in look.unknown | look.alarms.keys()
        count = len([key for key in look.unknown | look.alarms.keys() if f":{SEAL}:" in key])
        if is_new and count < MAX_ALARMS:
            _add(look, about, f"{fault.sentence}: {NEXT_STEP}", now)


def _add(look: AlarmLook, about: str, sentence: str, now: datetime) -> None:
    look.add(make_alarm(AlarmKind.AUDIT_CHAIN, f"{capitalize_first(sentence)}.", now, about=about))
