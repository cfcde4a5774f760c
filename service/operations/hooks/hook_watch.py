"""Look at the hooks on a timer; tell the operators of drift and silent projects.

A look compares each hook with roundsman.yaml, and each project's builds with its deliveries. What cannot be read
leaves everything as it was, and begins an alarm of its own if trying again would not help.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.circleci.circleci import CircleCI
from service.config.configuration import Config
from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import Hook, HookSpec, HookState, SecretUse, slug_spellings
from service.operations.hooks.hook_addresses import HOOK_PATH, posts_to_us
from service.operations.hooks.hook_alarms import Look, has_mended, settle_look
from service.operations.hooks.hook_drift import ORPHAN, find_drift
from service.operations.hooks.hook_globs import Answers, expand
from service.operations.hooks.hook_silence import SilenceFacts, find_silence
from service.operations.hooks.hook_states import refresh, with_renames
from service.operations.hooks.hook_steps import Step, Verb
from service.operations.hooks.hooks import find_orphans, read_project
from service.operations.hooks.patience import Patience
from service.pipeline.context import Context
from service.store.circleci import hook_states, hooks
from service.store.deliveries import refusals
from service.store.events.event_search import recent_projects

WATCH_HOOKS_EVERY_S = 1800.0
FOLLOW_COMMANDS_EVERY_S = 60.0
RECENT = timedelta(days=30)
ANSWERS_FOR = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class WatchSetting:
    """The hooks that should exist, and the address that makes one ours; None: not set."""

    specs: Sequence[HookSpec] = ()
    url: str | None = None


def read_watch_setting(config: Config) -> WatchSetting:
    """Return the parts of a configuration that the looks are about."""
    settings = config.settings
    has_token = settings.circleci_token is not None
    url = f"{settings.public_url}{HOOK_PATH}" if settings.public_url and has_token else None
    return WatchSetting(specs=config.hooks, url=url)


class HookWatch:
    """Looks at the hooks, bound to a context and a setting that a reload replaces."""

    def __init__(self, context: Callable[[], Context], setting: WatchSetting) -> None:
        self._context = context
        self._setting = setting
        self._answers: Answers = {}
        self._answers_until: datetime | None = None

    def reload(self, config: Config) -> None:
        """Use another state of roundsman.yaml from the next look on."""
        self._setting = read_watch_setting(config)

    async def look(self) -> None:
        """Look once, and tell the operators what has begun or ended."""
        context, setting = self._context(), self._setting
        source, now = context.source, context.clock()
        if setting.url is None or not setting.specs or not isinstance(source, CircleCI) or not source.has_room:
            return
        states = await refresh(context.store, now)
        uses = await context.store.read(hook_states.find_uses)
        facts = await context.store.snapshot(_read_facts, uses, now)
        found = await self._compare(source, setting.url, states, facts)
        await context.store.write(settle_look, context, found, now)

    async def look_if_mended(self) -> None:
        """Look at once where a command has set hooks right since the last look.

        Their alarms end then.
        """
        if await self._context().store.read(has_mended):
            await self.look()

    async def _compare(
        self, source: CircleCI, our_url: str, states: Mapping[str, HookState], facts: SilenceFacts
    ) -> Look:
        if self._answers_until is None or facts.now >= self._answers_until:
            self._answers, self._answers_until = {}, facts.now + ANSWERS_FOR  # a project may have been renamed
        found, patience = Look(), Patience()
        wanted = await expand(source, self._setting.specs, facts.history, patience=patience, answers=self._answers)
        found.refused.update({step.project: step.why for step in wanted.unread})
        seen: list[Step] = []
        for spec in wanted.specs:
            project = slug_spellings(spec.project)[0]
            try:
                project_id, present = await read_project(source, spec, patience)
            except Permanent as error:
                found.refused[project] = str(error)
                found.unknown.add(project)
            except Temporary:
                found.unknown.add(project)
            else:
                seen += [Step(verb=Verb.OURS, project=project, why="", hook=hook) for hook in present]
                if any(posts_to_us(hook, our_url) for hook in present):
                    found.ids[project_id] = project
                known = states.get(project)
                found.states[project] = _compared(spec, present, known, our_url, now=facts.now)
                found.drift |= {project: drift} if (drift := found.states[project].drift) else {}
        unread = [Step(verb=Verb.FAILED, project=project, why="") for project in found.unknown]
        orphans = await find_orphans(source, facts.history, [*seen, *unread], our_url)
        _note_orphans(found, with_renames([*unread, *orphans], states), now=facts.now)
        await self._find_silence(source, found, states, facts)
        return found

    async def _find_silence(
        self, source: CircleCI, found: Look, before: Mapping[str, HookState], facts: SilenceFacts
    ) -> None:
        for project, state in found.states.items():
            try:
                words = await find_silence(source, state, facts)
            except (Temporary, Permanent):
                words = state.silence
            found.states[project] = replace(state, silence=words)
            found.silence |= {project: words} if words else {}


def _note_orphans(found: Look, steps: Sequence[Step], *, now: datetime) -> None:
    """Note our hooks at projects that roundsman.yaml does not name.

    steps   also those of projects that could not be read, with a reason if they were renamed
    """
    for step in steps:
        project = slug_spellings(step.project)[0]
        if step.verb is Verb.ORPHAN and step.hook:
            found.drift[project] = f"{ORPHAN}{step.why}"
            state = HookState(project=project, hook_id=step.hook.id, drift=found.drift[project])
            found.states.setdefault(project, replace(state, looked_at=now))
        else:
            found.unknown.add(project)
            found.refused |= {project: step.why} if step.why and project in found.refused else {}


def _compared(
    spec: HookSpec, present: Sequence[Hook], known: HookState | None, our_url: str, *, now: datetime
) -> HookState:
    """Return the state of a project's hook as it is now."""
    project = slug_spellings(spec.project)[0]
    drift = find_drift(spec, present, known, our_url)
    own = next((hook for hook in present if posts_to_us(hook, our_url)), None)
    state = known or HookState(project=project)
    if own is not None and state.hook_id != own.id:  # another one, whose secret we have not sent
        state = HookState(project=project, hook_id=own.id, silence=state.silence)
    if own is not None and state.verify_tls is None:
        state = replace(state, verify_tls=own.verify_tls)
    return replace(state, drift=drift, looked_at=now)


def _read_facts(transaction: Transaction, uses: Sequence[SecretUse], now: datetime) -> SilenceFacts:
    history = dict.fromkeys([*recent_projects(transaction, since=now - RECENT), *hooks.projects(transaction)])
    posted: dict[str, datetime] = {}
    asked: dict[str, datetime] = {}
    for use in uses:
        of = posted if use.fingerprint else asked
        of[use.project] = max(use.last_at, of.get(use.project, use.last_at))
    refused = {one.hook_id: one.reason for one in refusals.latest(transaction) if one.hook_id and one.status == 401}
    return SilenceFacts(now=now, history=list(history), posted=posted, asked=asked, refused=refused)
