"""Look for rights that the configuration needs and a token of CircleCI lacks.

Each is told to the operators once, with its name, the function that misses it, and the next step. A token that is
refused as a whole is another alarm; hooks that may not be read are told with the drift of hooks. Only an answer of 403
or 404 counts as lacking: what CircleCI did not answer leaves everything as it was.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from service.circleci.api.request import TOKEN_SETTING
from service.circleci.circleci import ADMIN_TOKEN_SETTING, CircleCI
from service.config.configuration import Config
from service.db.tables import Transaction
from service.errors import NoToken, Permanent, Temporary
from service.model import Alarm, AlarmKind, EventKind, Route
from service.pipeline.alarms.own_alarms import AlarmLook, make_alarm, settle_alarms
from service.pipeline.context import Context
from service.pipeline.fetching.guards import find_projects
from service.store.circleci import guards

WATCH_RIGHTS_EVERY_S = 6 * 3600.0
RECENT = timedelta(days=30)
SNAPSHOT_AGE = timedelta(days=3)  # one that is older is of a project that is no longer looked at
MAX_TRIED = 3  # projects of an organization: one of them may be gone
MAX_ORGANIZATIONS = 10
MAX_NAMED = 3
LACKING = ("CircleCI answered 403", "CircleCI answered 404")

BUILDS, SCHEDULES, SETTINGS = "builds", "schedules", "settings"
LOSSES = {
    BUILDS: "messages lack jobs, tests and the actor, and webhooks that do not come are not found",
    SCHEDULES: "`schedules:` of roundsman.yaml is not applied",
    SETTINGS: "routes with `event: settings-changed` do not hear of changes there",
}


@dataclass(frozen=True, kw_only=True)
class RightSetting:
    """The projects that roundsman.yaml names, with hooks and with schedules."""

    hooked: Sequence[str] = ()
    scheduled: Sequence[str] = ()


def read_right_setting(config: Config) -> RightSetting:
    """Return the parts of a configuration that need rights."""
    return RightSetting(
        hooked=[hook.project for hook in config.hooks if not set(hook.project) & set("*?[!")],
        scheduled=list(dict.fromkeys(schedule.project for schedule in config.schedules)),
    )


@dataclass(kw_only=True)
class RightLook:
    """The findings of a look.

    lacking    for each right the places without it, with CircleCI's answer
    managing   the variable of the token that manages
    unknown    rights of which a look cannot tell
    """

    at: datetime
    managing: str
    lacking: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    unknown: set[str] = field(default_factory=set)


class RightWatch:
    """Looks for missing rights, with a context and a setting that a reload replaces."""

    def __init__(self, context: Callable[[], Context], setting: RightSetting) -> None:
        self._context = context
        self._setting = setting

    def reload(self, config: Config) -> None:
        """Use another state of roundsman.yaml from the next look on."""
        self._setting = read_right_setting(config)

    async def look(self) -> None:
        """Look once, and tell the operators what has begun or ended."""
        context = self._context()
        source, now = context.source, context.clock()
        if context.operators is None or not isinstance(source, CircleCI) or not source.has_room:
            return
        recent = await context.store.read(find_projects, now - RECENT)
        found = RightLook(at=now, managing=ADMIN_TOKEN_SETTING if source.has_admin else TOKEN_SETTING)
        await _look_at_builds(source, [*self._setting.hooked, *recent], found)
        for slug in self._setting.scheduled:
            await _try(partial(source.admin_api.schedules.schedules, slug), (SCHEDULES, slug), found)
        await context.store.write(_settle, context, found)


async def _look_at_builds(source: CircleCI, projects: Iterable[str], found: RightLook) -> None:
    """Ask for projects of each organization, until one may be seen."""
    by_org: dict[str, list[str]] = {}
    for slug in dict.fromkeys(projects):
        by_org.setdefault(slug.rpartition("/")[0], []).append(slug)
    for org, slugs in list(by_org.items())[:MAX_ORGANIZATIONS]:
        for slug in slugs[:MAX_TRIED]:
            if await _try(partial(source.api.project, slug), (BUILDS, org), found):
                found.lacking[BUILDS].pop(org, None)
                break


async def _try(ask: Callable[[], Awaitable[Any]], about: tuple[str, str], found: RightLook) -> bool:
    """Ask for a thing, and note the right as lacking if CircleCI refuses it."""
    right, place = about
    try:
        await ask()
    except NoToken:
        return False
    except Temporary:
        found.unknown.add(right)
        return False
    except Permanent as error:
        if str(error).startswith(LACKING):
            found.lacking[right][place] = str(error)
        else:
            found.unknown.add(right)
        return False
    return True


def _settle(transaction: Transaction, context: Context, found: RightLook) -> None:
    look = AlarmLook(kinds=frozenset({AlarmKind.TOKEN_RIGHT}))
    _add_settings(transaction, context, found)
    for right, places in found.lacking.items():
        if places:
            look.add(_alarm(right, TOKEN_SETTING if right == BUILDS else found.managing, places, found.at))
    look.unknown |= {f"{AlarmKind.TOKEN_RIGHT}:{right}" for right in found.unknown}
    settle_alarms(transaction, context, look, found.at)


def _add_settings(transaction: Transaction, context: Context, found: RightLook) -> None:
    """Add the areas of settings that a route wants to hear of, and no look may read."""
    if not any(map(_hears_settings, context.routes)):
        return
    for one in guards.find_snapshots(transaction):
        is_refused = one.lacking is not None and one.lacking.startswith(LACKING)
        if not is_refused or found.at - one.taken_at > SNAPSHOT_AGE:
            continue
        area = one.area.value.replace("_", " ")
        found.lacking[SETTINGS][f"{area} of {one.scope}"] = one.lacking or ""


def _hears_settings(route: Route) -> bool:
    """Return whether a route hears of settings, of whichever project."""
    kinds = [matcher for matcher in route.matchers if matcher.key == "event"]
    return any(EventKind.SETTINGS_CHANGED.value in matcher.patterns for matcher in kinds)


def _alarm(right: str, setting: str, places: Mapping[str, str], now: datetime) -> Alarm:
    names, first = list(places), next(iter(places.values()))
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    where = f"{', '.join(names[:MAX_NAMED])}{more}"
    step = "give its owner access there, or set the token of a person who has it; `roundsman token` tries each right"
    sentence = f"{setting} may not see {_named(right)} ({where}), so {LOSSES[right]}. {first}. Next: {step}."
    return make_alarm(AlarmKind.TOKEN_RIGHT, sentence, now, about=right)


def _named(right: str) -> str:
    return "some settings" if right == SETTINGS else right
