"""Fetch once a day what organizations used, so that budgets are compared with it.

Only where there are budgets, operators to tell, a token and API v3: a CircleCI Server writes no exports. Of a month one
export is made in a day for an organization: of this month, or of the last one until all of its days are read. An export
under way is gone on with by the next look, whichever process takes it. A refusal is told once in a month.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from service.circleci.circleci import CircleCI
from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import UNFINISHED, ExportState, News, UsageExport, slug_spellings
from service.pipeline.context import Context
from service.pipeline.fetching.usage_export import (
    FORGOTTEN_AFTER,
    REFRESH_AFTER,
    Asking,
    Window,
    advance,
    month_of,
    window_of,
)
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.news.own_news import OwnNews, plan_own
from service.routing.patterns import compile_pattern
from service.store.circleci import usage
from service.store.events.event_search import recent_projects

ONCE_IN = timedelta(days=1)
RECENT = timedelta(days=30)
MIN_PAUSE = timedelta(minutes=10)  # between two looks at an export: CircleCI allows ten in an hour
MAX_ORGS = 20
MAX_PROJECTS_ASKED = 3  # for the id of their organization
MIN_SPAN = timedelta(hours=1)  # of a month that has begun
UNKNOWN_AFTER = timedelta(days=3)  # of failures, before operators are told
LAST_MONTH_UNTIL = 4  # the day of a month until which the last days of the one before are asked for
TITLE = "Roundsman: the credits of builds are not known"
ON_SERVER = "budgets are watched at circleci.com alone: a CircleCI Server writes no exports of usage"
NO_KEY = "budgets are watched with the token of an organization admin, and none is set"

log = structlog.get_logger()


@dataclass(kw_only=True)
class UsageFetcher:
    """The daily fetch, and what a process knows of it.

    org_ids   by the beginning of slugs, as ``gh/acme``, with the time at which it was asked for
    said      sentences that were logged
    """

    org_ids: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    async def step(self, context: Context) -> None:
        """Take one step for each organization that has a budget."""
        source, now = context.source, context.clock()
        if not context.budgets or context.operators is None or not isinstance(source, CircleCI):
            return
        if not source.has_v3 or not source.has_token:
            self._say_once(ON_SERVER if source.has_token else NO_KEY)
            return
        if not source.has_room:
            return
        asking = Asking(source=source, store=context.store, clock=context.clock)
        for org_id in await self._find_orgs(context, source, now):
            await _advance_org(context, asking, org_id, now)

    async def _find_orgs(self, context: Context, source: CircleCI, now: datetime) -> Sequence[str]:
        """Return the ids of the organizations of projects with a budget."""
        for place, slugs in (await context.store.read(find_places, context, now)).items():
            asked_at, known = self.org_ids.get(place, (None, None))
            if known is not None or (asked_at is not None and now - asked_at < ONCE_IN):
                continue
            try:
                found: str | None = await _org_id(source, slugs)
            except Temporary as error:
                log.info("the organization of a budget is asked for later", place=place, reason=str(error))
                continue
            except Permanent as error:
                found = None
                log.warning("the organization of a budget is not known", place=place, reason=str(error))
            self.org_ids[place] = (now, found)
        known_ids = (found for _, found in self.org_ids.values() if found is not None)
        return list(dict.fromkeys(known_ids))[:MAX_ORGS]

    def _say_once(self, sentence: str) -> None:
        if sentence not in self.said:
            self.said.add(sentence)
            log.warning("usage is not fetched", reason=sentence)


def find_places(transaction: Transaction, context: Context, now: datetime) -> dict[str, list[str]]:
    """Return by organization the recent projects that may have a budget."""
    fits = [compile_pattern(one.project) for one in context.budgets]
    found: dict[str, list[str]] = {}
    for slug in recent_projects(transaction, since=now - RECENT):
        short = slug_spellings(slug)[0]
        is_of_ids = short.startswith("circleci/")  # its name, which a budget may have, is not in it
        if is_of_ids or any(fit(word) for fit in fits for word in _words(short)):
            found.setdefault(short.rpartition("/")[0], []).append(short)
    return found


def _words(slug: str) -> Iterator[str]:
    """Yield the words by which a budget may name a project."""
    yield from slug_spellings(slug)
    yield slug.partition("/")[2]
    yield slug.rpartition("/")[2]


async def _org_id(source: CircleCI, slugs: Sequence[str]) -> str:
    """Return the id of the organization of projects; raises Temporary or Permanent."""
    error: Permanent = Permanent(f"CircleCI does not say the organization of {slugs[0]}")
    for slug in slugs[:MAX_PROJECTS_ASKED]:
        try:
            if found := (await source.api.project(slug)).organization_id:
                return found
        except Permanent as failed:
            error = failed
    raise error


async def _advance_org(context: Context, asking: Asking, org_id: str, now: datetime) -> None:
    """Go on with the export that is under way, or have one made if none was in a day."""
    exports = await context.store.read(usage.exports_of, org_id)
    running = next((one for one in exports if one.state in UNFINISHED and now - one.asked_at <= FORGOTTEN_AFTER), None)
    if running is not None:
        window = window_of(running.month, now) if now - running.changed_at >= _pause(running) else None
    else:
        window = _due_window(exports, now)
        if window is not None and any(one.month == window.month and now - one.asked_at <= ONCE_IN for one in exports):
            window = None
    if window is None:
        return
    export = await _advance(asking, org_id, window)
    log.info("usage was asked for", month=export.month, state=export.state.value, reason=export.remark)
    read_at = max((one.read_at for one in (*exports, export) if one.read_at), default=None)
    if export.state is ExportState.FAILED and (read_at is None or now - read_at >= UNKNOWN_AFTER):
        await context.store.write(_tell_unknown, context, export, now)


def _pause(export: UsageExport) -> timedelta:
    """Return the time until an export is looked at again; it grows."""
    return max(MIN_PAUSE, (export.changed_at - export.asked_at) / 2)


def _due_window(exports: Sequence[UsageExport], now: datetime) -> Window | None:
    """Return the month to ask for: the last one while its last days were not read."""
    before = now.replace(day=1) - timedelta(days=1)
    last = next((one for one in exports if one.month == month_of(before)), None)
    if last is not None and now.day <= LAST_MONTH_UNTIL:
        window = window_of(last.month, now)
        is_whole = last.state is not ExportState.FAILED and last.asked_at > window.end_of_month + REFRESH_AFTER
        if not is_whole and now > window.end_of_month + REFRESH_AFTER:
            return window
    is_begun = now - now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) > MIN_SPAN
    return window_of(month_of(now), now) if is_begun else None


async def _advance(asking: Asking, org_id: str, window: Window) -> UsageExport:
    """Take a step, and return the export; a failure is on record with it."""
    try:
        return await advance(asking, org_id, window)
    except (Temporary, Permanent) as error:
        kept = await asking.store.read(usage.find_export, org_id, window.month)
        if kept is None:  # nothing was begun
            raise
        if kept.state is ExportState.FAILED:  # it could not be made, which is on record
            return kept
        state = kept.state if isinstance(error, Temporary) else ExportState.FAILED
        changed = replace(kept, state=state, changed_at=asking.clock(), remark=str(error))
        await asking.store.write(usage.put_export, changed)
        return changed


def _tell_unknown(transaction: Transaction, context: Context, export: UsageExport, now: datetime) -> None:
    """Plan the news that usage cannot be read, once in a month."""
    words = (
        f"Budgets cannot be compared with what builds spend: {export.remark}. CircleCI is asked again once a day. "
        "Usage needs the token of an organization admin, as ROUNDSMAN_CIRCLECI_ADMIN_TOKEN: `roundsman usage` tries it."
    )
    topic, receiver = f"usage:{export.org_id}:{month_of(now)}", context.operators or ""
    own = OwnNews(news=News.OPERATOR, topic=topic, receiver=receiver, title=TITLE, words=words, due_at=now)
    found = context.receivers.get(receiver)
    planned = plan_own(transaction, context, own, found.channels if found else ())
    enqueue_heads(transaction, context.jobs, planned, now)
    if planned:
        log.warning("budgets are not watched", reason=export.remark, notifications=len(planned))
