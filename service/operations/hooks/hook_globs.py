"""The projects that patterns under ``hooks`` fit, from all lists there are.

CircleCI has no list that is whole everywhere: API v3 lists an organization's projects, at the cloud alone; the summary
of its insights has names of those that ran lately; v1.1 lists those that the token's owner follows; and our history
knows those that posted. A list that cannot be read is named, since projects may be missing then.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from service.circleci.api.organizations import CollaborationShape
from service.circleci.api.responses import ProjectShape
from service.circleci.circleci import CircleCI
from service.errors import Permanent, Temporary
from service.model import HookSpec, slug_spellings
from service.operations.hooks.hook_steps import Step, Verb, with_next_step
from service.operations.hooks.patience import Patience
from service.routing.patterns import compile_pattern, to_nfc

MAX_AT_ONCE = 8
MAX_NAMED = 5
SHORT = frozenset({"gh", "bb"})  # organizations whose projects are named after their repositories

Answers = dict[str, tuple[str, str] | None]
"""The id and the slug of projects, by the id or slug that was asked for; None: CircleCI shows no such project."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """The hooks of single projects that a list of hooks stands for.

    unread    a failed step for each project or list that could not be read: projects may be missing
    remarks   sentences about what was left out rightly, or read in another way
    """

    specs: tuple[HookSpec, ...]
    unread: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()


def fits(spec: HookSpec, slug: str) -> bool:
    """Return True if a project, in any spelling, has a hook by a spec."""
    spellings = [to_nfc(one) for one in slug_spellings(slug)]
    if not spec.patterns:
        return slug_spellings(spec.project)[0] == spellings[0]
    return _fit(spec.patterns, spellings) and not _fit(spec.excluded, spellings)


def _fit(patterns: Iterable[str], spellings: Sequence[str]) -> bool:
    return any(compile_pattern(pattern)(one) for pattern in patterns for one in spellings)


async def expand(
    api: CircleCI,
    specs: Sequence[HookSpec],
    history: Sequence[str],
    *,
    patience: Patience | None = None,
    answers: Answers | None = None,
) -> Expansion:
    """Return the hooks of single projects that these stand for.

    Those of one project, written in full, go first.

    history   slugs of projects that posted here
    answers   ids and slugs from an earlier call: they are not asked for again, and new ones are added
    """
    wide = [spec for spec in specs if spec.patterns]
    plain = [spec for spec in specs if not spec.patterns]
    if not wide:
        return Expansion(specs=tuple(specs))
    search = _Search(api=api, specs=wide, patience=patience or Patience(), answers={} if answers is None else answers)
    await search.run(history)
    named = {slug_spellings(spec.project)[0] for spec in plain}
    found = [_single(wide, slug, id_) for id_, slug in sorted(search.found.items(), key=lambda pair: pair[1])]
    many = [spec for spec in found if spec and slug_spellings(spec.project)[0] not in named]
    search.remark_empty(many)
    return Expansion(specs=(*plain, *many), unread=tuple(search.unread), remarks=tuple(search.remarks))


async def project_to_try(api: CircleCI, specs: Sequence[HookSpec], history: Sequence[str]) -> str | None:
    """Return one project, to try rights with; None if there is none.

    A named one goes first, then one that posted, then one that a pattern fits.
    """
    known = [*(spec.project for spec in specs if not spec.patterns), *history]
    found = known or [spec.project for spec in (await expand(api, specs, ())).specs]
    return next(iter(found), None)


def _single(specs: Sequence[HookSpec], slug: str, project_id: str) -> HookSpec | None:
    """Return the hook of a project by the first spec that fits it."""
    spec = next((one for one in specs if fits(one, slug)), None)
    return spec and replace(spec, project=slug, project_id=project_id, patterns=(), excluded=())


@dataclass(kw_only=True)
class _Search:
    """A search for projects.

    found     their slugs by id
    answers   the ids and slugs of projects, by the id or slug that was asked for
    """

    api: CircleCI
    specs: Sequence[HookSpec]
    patience: Patience
    answers: Answers
    found: dict[str, str] = field(default_factory=dict)
    unread: list[Step] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    _gone: list[str] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)  # of projects that are known by id alone
    _written: dict[str, tuple[str, ...]] = field(default_factory=dict)  # slugs they may have, by id
    _slugs: set[str] = field(default_factory=set)
    _unlisted: list[str] = field(default_factory=list)  # organizations without a whole list of projects

    async def run(self, history: Sequence[str]) -> None:
        """Read all lists, then ask for each project that may fit."""
        orgs = await self._organizations()
        for org in orgs:
            await self._read_organization(org)
        await self._read_followed(is_needed=bool(self._unlisted or not orgs))
        self._slugs.update(slug_spellings(slug)[0] for slug in history)
        await self._look_up(self._names)
        # the summary has names of projects alone: those of a list that is whole are known by their ids
        known = {slug_spellings(slug)[0] for slug in self.found.values()} | set(self._names.values())
        rest = {slug: slug for slug in sorted(self._slugs - known) if any(fits(spec, slug) for spec in self.specs)}
        await self._look_up(rest)
        if self._gone:
            self.remarks.append(_left_out(sorted(self._gone)))

    def remark_empty(self, many: Sequence[HookSpec]) -> None:
        """Note the specs that no project fits."""
        for spec in self.specs:
            if not any(fits(spec, one.project) for one in many):
                self.remarks.append(f"no project that we can see fits {spec.project}")

    async def _organizations(self) -> list[CollaborationShape]:
        found = await self._try("the list of organizations", self.api.api.organizations.collaborations)
        if found is None:
            return []
        orgs = [org for org in found.items if org.slug and any(_may_hold(spec, org) for spec in self.specs)]
        for spec in self.specs:
            if not any(_may_hold(spec, org) for org in orgs):
                self.remarks.append(f"the token's owner belongs to no organization that {spec.project} fits")
        return orgs

    async def _read_organization(self, org: CollaborationShape) -> None:
        slug, organizations = slug_spellings(org.slug or "")[0], self.api.api.organizations
        is_listed = bool(self.api.has_v3 and org.id) and await self._read_list(slug, org.id or "")
        if not is_listed:
            self._unlisted.append(slug)
            self.remarks.append(f"of {slug} no whole list was read: its projects that ran, are followed or posted here")
        if slug.partition("/")[0] in SHORT:
            what = f"the insights of {slug}"
            summary = await self._try(what, lambda: organizations.organization_summary(slug), is_needed=not is_listed)
            self._slugs.update(f"{slug}/{name}" for name in (summary.all_projects if summary else ()))

    async def _read_list(self, slug: str, org_id: str) -> bool:
        """Read the list of an organization's projects; return True if it is whole."""
        organizations = self.api.api.organizations
        page = await self._try(f"the list of {slug}'s projects", lambda: organizations.organization_projects(org_id))
        if page is None:
            return False
        names = {one.id: one.attributes.name or one.id for one in page.items if one.id}
        self._names |= {one: f"{slug}/{name}" for one, name in names.items()}
        is_short = slug.partition("/")[0] in SHORT
        for one, name in names.items():
            self._written[one] = (*([f"{slug}/{name}"] if is_short else []), f"circleci/{org_id}/{one}")
        return page.is_last or self._note_rest(f"{slug} has more projects than the {len(page.items)} that were read")

    async def _read_followed(self, *, is_needed: bool) -> None:
        ask = self.api.api.organizations.followed_projects
        page = await self._try("the list of followed projects", ask, is_needed=is_needed)
        if page is not None:
            self._slugs.update(slug_spellings(one.slug)[0] for one in page.items if one.slug)
        if page is not None and not page.is_last and is_needed:
            self._note_rest(f"more projects are followed than the {len(page.items)} that were read")

    async def _look_up(self, names: dict[str, str]) -> None:
        """Ask for the slugs and ids of projects.

        names   their names, by id or slug
        """
        turn = asyncio.Semaphore(MAX_AT_ONCE)
        known = {key: self.answers[key] for key in names if key in self.answers}
        self.found |= dict(one for one in known.values() if one)
        self._gone += [names[key] for key, one in known.items() if one is None]

        async def ask(key: str, name: str) -> None:
            async with turn:
                await self._look_up_one(key, name)

        await asyncio.gather(*(ask(key, name) for key, name in names.items() if key not in self.answers))

    async def _look_up_one(self, key: str, name: str) -> None:
        try:
            project = await self._read_project(key)
        except Permanent as error:
            if key in self._slugs:  # a name from the past: renamed or deleted since, or not for this token
                self._gone.append(name)
                self.answers[key] = None
            else:
                self._fail(name, str(error))
        except Temporary as error:
            self._fail(name, with_next_step(error))
        else:
            if project.id and project.slug:
                self.answers[key] = (project.id, project.slug)
                self.found[project.id] = project.slug
            else:
                self._fail(name, "CircleCI does not say its id and slug")

    async def _read_project(self, key: str) -> ProjectShape:
        """Return a project by a slug, or by the id of one that is known by that alone.

        The slugs that it may have go first, as the documentation has them; an id in their place, which may be taken
        too, finds a project whose name is another one than its repository's.
        """
        for written in self._written.get(key, ()):
            with suppress(Permanent):
                found = await self.patience.read(partial(self.api.api.project, written))
                if found.id == key:
                    return found
        return await self.patience.read(lambda: self.api.api.project(key))

    async def _try(self, what: str, ask: Callable[[], Awaitable[T]], *, is_needed: bool = True) -> T | None:
        """Return a list; None and a note where it cannot be read.

        is_needed   projects may be missing without it, so that it is a failure
        """
        try:
            return await self.patience.read(ask)
        except (Temporary, Permanent) as error:
            words = f"{what} could not be read: {with_next_step(error)}"
        if is_needed:
            self._fail(self._patterns, f"{words}; projects may be missing here")
        else:
            self.remarks.append(words)
        return None

    @property
    def _patterns(self) -> str:
        return ", ".join(spec.project for spec in self.specs)

    def _note_rest(self, words: str) -> bool:
        self._fail(self._patterns, f"{words}; name the others one by one")
        return False

    def _fail(self, project: str, why: str) -> None:
        self.unread.append(Step(verb=Verb.FAILED, project=project, why=why))


def _may_hold(spec: HookSpec, org: CollaborationShape) -> bool:
    """Return True if a project of an organization may fit.

    The text before the first wildcard of a pattern decides.
    """
    prefixes = [f"{slug_spellings(org.slug or '')[0]}/", *([f"circleci/{org.id}/"] if org.id else ())]
    literals = [slug_spellings(re.split(r"[*?\[\\]", pattern)[0])[0] for pattern in spec.patterns]
    return any(text.startswith(prefix) or prefix.startswith(text) for text in literals for prefix in prefixes)


def _left_out(gone: Sequence[str]) -> str:
    more = f" and {len(gone) - MAX_NAMED} more" if len(gone) > MAX_NAMED else ""
    listed = ", ".join(gone[:MAX_NAMED])
    return f"left out, since CircleCI shows them no longer (renamed, deleted, or not for this token): {listed}{more}"
