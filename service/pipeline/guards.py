"""Compare the settings that guard builds, once a day, and tell routes of changes.

Of each area the names are read and compared with those on record; the first look at one tells nothing. A right that the
token lacks is logged once, when it is first missed, and the states stay as they were until it is there again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from uuid import uuid4

import structlog

from service.circleci.circleci import CircleCI
from service.circleci.guards import GuardPlace, GuardReader, find_place, readers_of
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import NoToken, Permanent, Temporary
from service.model import GuardChange, GuardSnapshot, News, slug_spellings
from service.pipeline.context import Context
from service.pipeline.lane_heads import enqueue_heads
from service.pipeline.own_news import OwnNews, plan_own
from service.routing.guard_changes import describe, find_changes, hears_settings
from service.store import guards, hooks
from service.store.event_search import recent_projects

LOOK_EVERY_S = 3600.0
COMPARE_EVERY = timedelta(hours=23)  # a look an hour late must not skip a day
RECENT = timedelta(days=30)
TELL_WITHIN = timedelta(days=1)  # later a new route would be told of what is long known
MAX_PROJECTS = 200
MAX_SENTENCES = 20

log = structlog.get_logger()


@dataclass(kw_only=True)
class GuardLook:
    """The result of a look.

    changes   those that were found
    lacking   the areas that the token may not read, with the reason
    unread    the projects and areas that could not be read for now, each with the reason
    areas     the number of those that were asked for
    """

    changes: list[GuardChange] = field(default_factory=list)
    lacking: list[GuardSnapshot] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    areas: int = 0


async def look_at_guards(context: Context) -> None:
    """Compare what is due, and tell routes of the changes of a day."""
    if not isinstance(context.source, CircleCI) or not context.source.has_room:
        return
    now = context.clock()
    projects = await context.store.read(find_projects, now - RECENT)
    await compare(context.store, context.source, projects, now, is_due=COMPARE_EVERY)
    await context.store.write(tell_changes, context, now)


def find_projects(transaction: Transaction, since: datetime) -> list[str]:
    """Return the projects that posted since a time, or have a hook of ours."""
    posted = recent_projects(transaction, since=since)
    known = [slug_spellings(one)[0] for one in (*posted, *hooks.projects(transaction))]
    return list(dict.fromkeys(known))[:MAX_PROJECTS]


async def compare(
    store: Store, source: CircleCI, projects: Sequence[str], now: datetime, *, is_due: timedelta = timedelta()
) -> GuardLook:
    """Read the settings of projects and of their organizations, and keep the changes.

    is_due   areas that were read more lately are left out
    """
    look, seen = GuardLook(), set[str]()
    on_record = {(one.scope, one.area): one for one in await store.read(guards.find_snapshots)}
    for slug in projects:
        readers = [
            one for one in readers_of(source) if one.is_of_org or _is_due(on_record.get((slug, one.area)), now, is_due)
        ]
        if all(one.is_of_org for one in readers) and seen and _org(slug) in seen:
            continue
        try:
            place = await find_place(source, slug)
        except NoToken:
            return look
        except (Temporary, Permanent) as error:
            log.info("the settings of a project are not known", project=slug, reason=str(error))
            look.unread.append(f"{slug}: {error}")
            continue
        for reader in readers:
            scope = place.org_slug if reader.is_of_org else slug
            before = on_record.get((scope, reader.area))
            if (reader.is_of_org and place.org_id in seen) or not _is_due(before, now, is_due):
                continue
            await _compare_area(store, source, (reader, place, scope), before, look, now)
        seen |= {place.org_id, _org(slug)}
    return look


def _org(slug: str) -> str:
    return slug.rpartition("/")[0]


def _is_due(before: GuardSnapshot | None, now: datetime, is_due: timedelta) -> bool:
    return before is None or now - before.taken_at >= is_due


async def _compare_area(  # noqa: PLR0917, PLR0913 - one argument for each thing that a look has at hand
    store: Store,
    source: CircleCI,
    what: tuple[GuardReader, GuardPlace, str],
    before: GuardSnapshot | None,
    look: GuardLook,
    now: datetime,
) -> None:
    reader, place, scope = what
    try:
        states, lacking = await reader.read(source.admin_api, place), None
    except Temporary as error:
        log.info("settings are not known for now", scope=scope, area=reader.area.value, reason=str(error))
        look.unread.append(f"{scope}, {reader.area.value.replace('_', ' ')}: {error}")
        return
    except Permanent as error:
        states, lacking = dict(before.states) if before else {}, str(error)
    look.areas += 1
    after = GuardSnapshot(scope=scope, area=reader.area, states=states, taken_at=now, lacking=lacking)
    if lacking is not None:
        look.lacking.append(after)
        if before is None or before.lacking is None:  # said once, and not every day
            log.warning("settings cannot be compared", scope=scope, area=reader.area.value, reason=lacking)
    changes = list(_changes(before, after)) if before and lacking is None and _was_read(before) else []
    await store.write(_keep, after, changes)
    look.changes += changes


def _was_read(before: GuardSnapshot) -> bool:
    """Return whether its states were read once: the first ones tell nothing."""
    return before.lacking is None or bool(before.states)


def _keep(transaction: Transaction, after: GuardSnapshot, changes: Sequence[GuardChange]) -> None:
    guards.put_snapshot(transaction, after)
    guards.add_changes(transaction, changes)


def _changes(before: GuardSnapshot, after: GuardSnapshot) -> Iterator[GuardChange]:
    for change in find_changes(before.states, after.states):
        name, kind, was, now = change
        sentence = describe(after.area, after.scope, change)
        yield GuardChange(
            id=uuid4(),
            at=after.taken_at,
            scope=after.scope,
            area=after.area,
            name=name,
            kind=kind,
            before=was,
            after=now,
            sentence=sentence,
        )


def tell_changes(transaction: Transaction, context: Context, now: datetime) -> None:
    """Plan messages of the changes of a day for the routes that hear them.

    Of each look at a scope a channel is told once, however often this runs: the topic of the news says which.
    """
    found = sorted(
        guards.find_changes(transaction, since=now - TELL_WITHIN),
        key=lambda one: (one.at, one.scope, one.area, one.name),
    )
    for (at, scope), group in groupby(found, key=lambda one: (one.at, one.scope)):
        changes = list(group)
        for route in context.routes:
            receiver = context.receivers.get(route.receiver)
            if receiver is None or not hears_settings(route, scope, now):
                continue
            own = OwnNews(
                news=News.OPERATOR,
                topic=f"settings:{scope}:{at.isoformat()}",
                receiver=receiver.name,
                title=f"Settings of {scope} changed at CircleCI",
                words=_words(changes),
                due_at=now,
            )
            planned = plan_own(transaction, context, own, receiver.channels)
            enqueue_heads(transaction, context.jobs, planned, now)


def _words(changes: Sequence[GuardChange]) -> str:
    lines = [f"{one.sentence[0].upper()}{one.sentence[1:]}" for one in changes[:MAX_SENTENCES]]
    left = len(changes) - len(lines)
    return "\n".join([*lines, *([f"and {left} more: `roundsman settings diff`"] if left else [])])
