"""The steps of the pipeline that need no post, on simulated time.

Reminders, escalation, digests, the expiry of incidents, and acts of people. A service looks for them once a minute;
here the times at which something may be due are known ahead.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from uuid import UUID

from service.db.tables import Transaction
from service.message.digest import DigestFacts
from service.model import DEFAULT_EXPIRY, Digest, News, Notification, Route
from service.pipeline.context import Context
from service.pipeline.digests.digests import collect, plan_digest
from service.pipeline.judgment.expire import close_silent
from service.pipeline.planning.reminders import plan_reminders
from service.routing.active_hours import is_active, next_active
from service.routing.cron import parse_cron, time_after, time_before
from service.routing.reminders import number_due
from service.store.incidents import incidents
from service.store.runs import tracks

EXPIRE_EVERY = timedelta(hours=6)
MINUTE = timedelta(minutes=1)
MAX_TRACKS = 100_000
NEWS_OF_RED = frozenset({News.BROKE, News.STILL_BROKEN})


@dataclass(frozen=True, kw_only=True)
class Act:
    """An act of a person at a time: ``apply`` does it in the simulation."""

    at: datetime
    apply: Callable[[Transaction], None]


@dataclass(frozen=True, order=True)
class _Look:
    """A time to look for reminders.

    told_at, every_s   of a channel that was told of an incident: the next look follows from them
    """

    at: datetime
    incident_id: UUID | None = field(default=None, compare=False)
    told_at: datetime | None = field(default=None, compare=False)
    every_s: int | None = field(default=None, compare=False)


@dataclass(kw_only=True)
class SimulatedSteps:
    """The times of the periodic steps that are ahead; none before ``begin``.

    needs_details   some known problems are muted or may come back: messages depend on the details of failures
    """

    needs_details: bool = False
    _is_begun: bool = False
    _acts: list[Act] = field(default_factory=list)
    _looks: list[_Look] = field(default_factory=list)
    _digests: dict[str, datetime] = field(default_factory=dict)
    _expire_at: datetime | None = None

    def begin(self, context: Context, now: datetime, acts: Iterable[Act] = (), ends: Iterable[datetime] = ()) -> None:
        """Begin at a time.

        acts   of people, in any order
        ends   the times at which silences end: people are reminded again then
        """
        self._is_begun = True
        self._acts = sorted(acts, key=lambda act: act.at, reverse=True)
        self._looks = sorted(map(_Look, ends)) if _reminding(context.routes) else []
        self._expire_at = now
        self._digests = {one.name: time_after(parse_cron(one.cron), one.timezone, now) for one in context.digests}
        self.needs_details = self.needs_details or bool(context.known_problems)

    def look_at(self, at: datetime) -> None:
        """Have people be reminded at a time, if that is due then."""
        heappush(self._looks, _Look(at))

    def next_at(self) -> datetime | None:
        """Return the time of the next step; None if there is none."""
        times = [*self._digests.values()]
        if self._acts:
            times.append(self._acts[-1].at)
        if self._looks:
            times.append(self._looks[0].at)
        if self._expire_at is not None:
            times.append(self._expire_at)
        return min(times, default=None)

    def run(self, transaction: Transaction, context: Context, now: datetime) -> None:
        """Do the steps that are due."""
        while self._acts and self._acts[-1].at <= now:
            self._acts.pop().apply(transaction)
        if self._expire_at is not None and self._expire_at <= now:
            self._expire(transaction, now)
        self._remind(transaction, context, now)
        for digest in context.digests:
            if self._digests[digest.name] <= now:
                self._tell_digest(transaction, context, digest)

    def note_sent(self, context: Context, sent: Notification, now: datetime) -> None:
        """Note when the reminders of what a channel was told are due."""
        if not self._is_begun or sent.news not in NEWS_OF_RED or (route := context.route(sent.route)) is None:
            return
        if route.repeat_s:
            self._look_again(sent.incident_id, now, route.repeat_s, now)
        if route.escalation is not None:
            heappush(self._looks, _Look(now + timedelta(seconds=route.escalation.after_s), sent.incident_id))

    def _look_again(self, incident_id: UUID | None, told_at: datetime, every_s: int, now: datetime) -> None:
        next_at = told_at + (number_due(told_at, every_s, now) + 1) * timedelta(seconds=every_s)
        heappush(self._looks, _Look(next_at, incident_id, told_at, every_s))

    def _remind(self, transaction: Transaction, context: Context, now: datetime) -> None:
        due = []
        while self._looks and self._looks[0].at <= now:
            due.append(heappop(self._looks))
        if not due:
            return
        known = incidents.find_all(transaction, {one.incident_id for one in due if one.incident_id})
        live = {one.id for one in known.values() if one.is_open or one.merged_into}
        looks = [one for one in due if one.incident_id is None or one.incident_id in live]
        for one in looks:
            if one.told_at is not None and one.every_s is not None:
                self._look_again(one.incident_id, one.told_at, one.every_s, now)
        if looks:
            plan_reminders(transaction, context)
            self._looks_after_quiet(context.routes, now)

    def _looks_after_quiet(self, routes: Iterable[Route], now: datetime) -> None:
        for route in _reminding(routes):
            if route.active is not None and not route.is_urgent and not is_active(route.active, now):
                next_at = next_active(route.active, now)
                if all(one.at != next_at for one in self._looks):
                    self.look_at(next_at)

    def _expire(self, transaction: Transaction, now: datetime) -> None:
        """Close silent incidents, and look again later."""
        silent = tracks.find_silent(transaction, before=now - DEFAULT_EXPIRY, beyond=0, limit=MAX_TRACKS)
        if silent:
            close_silent(transaction, silent, now)
        self._expire_at = now + EXPIRE_EVERY

    def _tell_digest(self, transaction: Transaction, context: Context, digest: Digest) -> None:
        """Plan a digest; its contents count only if it is left out when it is empty."""
        at, cron = self._digests[digest.name], parse_cron(digest.cron)
        facts = DigestFacts()
        if digest.skips_empty:
            self._expire(transaction, at)
            facts = collect(transaction, digest, time_before(cron, digest.timezone, at - MINUTE), at)
        plan_digest(transaction, context, digest, facts, at=at)
        self._digests[digest.name] = time_after(cron, digest.timezone, at)


def _reminding(routes: Iterable[Route]) -> Sequence[Route]:
    return [route for route in routes if route.repeat_s is not None or route.escalation is not None]
