"""Compare the settings that guard builds, once a day.

Of each area the names are read and compared with those on record; the first look at one tells nothing. What changed in
a project or an organization is one event, which routes hear as they hear of a build. Of many projects those come first
whose last look is the longest ago, so that each has its turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from service.circleci.circleci import CircleCI
from service.circleci.guards import GuardReader, find_place, readers_of
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import NoToken, Permanent, Temporary
from service.model import GuardArea, GuardChange, GuardSnapshot, slug_spellings
from service.pipeline.context import Context
from service.pipeline.fetching.keep_guards import Reading, ScopeLook, keep_lacking, keep_scope
from service.store.circleci import guards, hooks
from service.store.events.event_search import recent_projects

LOOK_EVERY_S = 3600.0
COMPARE_EVERY = timedelta(hours=23)  # a look an hour late must not skip a day
RECENT = timedelta(days=30)
MAX_PROJECTS = 50  # of one look, which makes some ten calls for each: 1,200 a day
NEVER = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger()

Known = Mapping[tuple[str, GuardArea], GuardSnapshot]
"""The settings on record, by project or organization and area."""


@dataclass(kw_only=True)
class GuardLook:
    """The result of a look.

    changes   those that were found
    lacking   the areas that the token may not read, with the reason
    unread    the projects and areas that could not be read for now, each with the reason
    areas     the number of those that were asked for
    first     the projects and organizations that were read for the first time, with nothing to compare
    """

    changes: list[GuardChange] = field(default_factory=list)
    lacking: list[GuardSnapshot] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    areas: int = 0
    first: list[str] = field(default_factory=list)


async def look_at_guards(context: Context, *, max_projects: int = MAX_PROJECTS) -> None:
    """Compare what is due: of so many projects in one look."""
    if not isinstance(context.source, CircleCI):
        return
    now = context.clock()
    projects = await context.store.read(find_projects, now - RECENT)
    due = due_projects(projects, await _on_record(context.store), now)
    if len(due) > max_projects:
        log.info("projects wait for the next looks at their settings", waiting=len(due) - max_projects)
    await compare(context.store, context.source, due[:max_projects], now, is_due=COMPARE_EVERY)


def find_projects(transaction: Transaction, since: datetime) -> list[str]:
    """Return the projects that posted since a time, or have a hook of ours."""
    posted = recent_projects(transaction, since=since)
    known = [slug_spellings(one)[0] for one in (*posted, *hooks.projects(transaction))]
    return list(dict.fromkeys(known))


def due_projects(projects: Sequence[str], known: Known, now: datetime) -> list[str]:
    """Return the projects with something to compare, the longest not looked at first."""
    oldest: dict[str, datetime] = {}
    for one in known.values():
        oldest[one.scope] = min(one.taken_at, oldest.get(one.scope, one.taken_at))
    due = [
        slug
        for slug in projects
        if now - oldest.get(slug, NEVER) >= COMPARE_EVERY or now - oldest.get(_org(slug), now) >= COMPARE_EVERY
    ]
    return sorted(due, key=lambda slug: (oldest.get(slug, NEVER), slug))


async def _on_record(store: Store) -> Known:
    return {(one.scope, one.area): one for one in await store.read(guards.find_snapshots)}


async def compare(
    store: Store, source: CircleCI, projects: Sequence[str], now: datetime, *, is_due: timedelta | None = None
) -> GuardLook:
    """Read the settings of projects and of their organizations, and keep the changes.

    is_due   areas that were read more lately are left out, and all when CircleCI's limits leave no room for them
    """
    known = await _on_record(store)
    comparison = _Comparison(store=store, source=source, known=known, now=now, is_due=is_due)
    for slug in projects:
        if is_due is not None and source.has_token and not source.has_room:
            log.info("CircleCI's limits leave no room for other projects' settings now", project=slug)
            break
        try:
            await comparison.compare_project(slug)
        except NoToken:
            break
        except Temporary as error:
            log.info("the settings of a project are not known", project=slug, reason=str(error))
            comparison.look.unread.append(f"{slug}: {error}")
    return comparison.look


def _org(slug: str) -> str:
    return slug.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """One look at many projects.

    known   the settings on record before it
    seen    the organizations that it has looked at
    """

    store: Store
    source: CircleCI
    known: Known
    now: datetime
    is_due: timedelta | None
    look: GuardLook = field(default_factory=GuardLook)
    seen: set[str] = field(default_factory=set)

    async def compare_project(self, slug: str) -> None:
        """Compare what is due of a project, and of its organization if it is the first.

        Raises NoToken and Temporary.
        """
        mine = self._due(slug, is_of_org=False)
        if not mine and _org(slug) in self.seen:
            return
        try:
            place = await find_place(self.source, slug)
        except NoToken:
            raise
        except Permanent as error:
            await self._lacks(slug, str(error))
            return
        await self._compare_scope(ScopeLook(place=place, is_of_org=False, at=self.now), mine)
        if place.org_id not in self.seen:
            of_org = ScopeLook(place=place, is_of_org=True, at=self.now)
            await self._compare_scope(of_org, self._due(of_org.name, is_of_org=True))
        self.seen.update({place.org_id, _org(slug)})

    def _due(self, scope: str, *, is_of_org: bool) -> list[GuardReader]:
        found = [one for one in readers_of(self.source) if one.is_of_org is is_of_org]
        return [one for one in found if self._is_due(self.known.get((scope, one.area)))]

    def _is_due(self, before: GuardSnapshot | None) -> bool:
        return self.is_due is None or before is None or self.now - before.taken_at >= self.is_due

    async def _lacks(self, slug: str, reason: str) -> None:
        """Put on record that a project cannot be read at all; that is logged once."""
        self.look.unread.append(f"{slug}: {reason}")
        lacking = [
            GuardSnapshot(scope=slug, area=one.area, states={}, taken_at=self.now, lacking=reason)
            for one in readers_of(self.source)
            if not one.is_of_org
        ]
        if await self.store.write(keep_lacking, lacking):
            log.warning("the settings of a project cannot be read", project=slug, reason=reason)

    async def _compare_scope(self, scope: ScopeLook, readers: Sequence[GuardReader]) -> None:
        """Read the areas of a project or organization, and keep them all at once."""
        readings = [one for one in [await self._read(scope, reader) for reader in readers] if one is not None]
        if not readings:
            return
        kept = await self.store.write(keep_scope, self.source, scope, readings)
        for one in kept.newly_lacking:  # said once, and not every day
            log.warning("settings cannot be compared", scope=one.scope, area=one.area.value, reason=one.lacking)
        self.look.areas += len(readings)
        self.look.changes += kept.changes
        self.look.lacking += kept.lacking
        self.look.first += [scope.name] if kept.is_first else []

    async def _read(self, scope: ScopeLook, reader: GuardReader) -> Reading | None:
        """Return the states of an area, or the reason why there are none; None for now."""
        try:
            return Reading(area=reader.area, states=await reader.read(self.source.admin_api, scope.place))
        except Temporary as error:
            log.info("settings are not known for now", scope=scope.name, area=reader.area.value, reason=str(error))
            self.look.unread.append(f"{scope.name}, {reader.area.value.replace('_', ' ')}: {error}")
            return None
        except Permanent as error:
            return Reading(area=reader.area, lacking=str(error))
