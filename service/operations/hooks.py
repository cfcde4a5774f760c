"""Hooks at CircleCI, kept as roundsman.yaml wants them: list, plan, apply, delete.

A hook is ours when it posts to our address. Others are foreign: shown, because they use slots, and never touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from service.circleci.circleci import CircleCI
from service.errors import BadConfig, Permanent, Temporary
from service.model import EventKind, Hook, HookSpec, KnownHook, slug_spellings
from service.operations.hook_addresses import find_obstacle, host_of, posts_to_us

MAX_HOOKS = 5  # CircleCI docs, "Outbound webhooks": at most five for each project
HOOK_PATH = "/hooks/circleci"
MAX_ID = 64  # CircleCI's ids have 36 characters
SECRETLESS = "has no secret, so its posts are refused"


class Verb(StrEnum):
    """The planned change of a hook, its outcome, or its kind if nothing changes."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    OURS = "ours"
    ORPHAN = "orphan"
    FOREIGN = "foreign"
    BLOCKED = "no_free_slot"
    FAILED = "failed"
    SKIPPED = "left_undone"


CHANGES = frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE})
FAILURES = frozenset({Verb.BLOCKED, Verb.FAILED, Verb.SKIPPED})
NEEDS_ACTION = CHANGES | FAILURES


@dataclass(frozen=True, kw_only=True)
class Step:
    """One hook with its planned change or its state.

    why     a phrase for the person who reads the plan
    hook    the hook as it was found
    result  the hook after the change, as it reads back
    """

    verb: Verb
    project: str
    why: str
    hook: Hook | None = None
    result: Hook | None = None
    spec: HookSpec | None = None
    project_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class HookTarget:
    """The address that makes a hook ours, and the newest secret, for it to sign with."""

    url: str
    secret: str = field(repr=False)


def hook_target(public_url: str | None, secrets: Sequence[str], circleci_url: str) -> HookTarget:
    """Return our address and newest secret.

    Raises BadConfig if CircleCI could not post to the address, or if there is no secret.
    """
    if (obstacle := find_obstacle(public_url, circleci_url)) is not None:
        raise BadConfig(obstacle)
    if not secrets:
        raise BadConfig("ROUNDSMAN_WEBHOOK_SECRETS is not set: hooks sign with the first of them")
    return HookTarget(url=f"{public_url}{HOOK_PATH}", secret=secrets[0])


async def plan(api: CircleCI, specs: Sequence[HookSpec], target: HookTarget, *, rotate: bool = False) -> list[Step]:
    """Return the steps that ``apply`` would take, project by project.

    A project that cannot be planned has a failed step with the reason.

    rotate   update all of our hooks: a secret cannot be read back, so old ones cannot be told from the newest
    """
    return [step for spec in specs for step in await _plan_project(api, spec, target, rotate=rotate)]


async def apply(api: CircleCI, specs: Sequence[HookSpec], target: HookTarget, *, rotate: bool = False) -> list[Step]:
    """Plan and run the changes, and return the steps with their results.

    Safe to repeat: a change that was made is not planned again. After the first failed step of a project its other
    changes are not tried, since they rely on it: a surplus hook is needed until the one that stays posts all events.
    Other projects go on.
    """
    return [step for spec in specs for step in await _apply_project(api, spec, target, rotate=rotate)]


async def _apply_project(api: CircleCI, spec: HookSpec, target: HookTarget, *, rotate: bool) -> list[Step]:
    done: list[Step] = []
    for planned in await _plan_project(api, spec, target, rotate=rotate):
        step = planned
        if step.verb in CHANGES and any(before.verb is Verb.FAILED for before in done):
            step = replace(step, verb=Verb.SKIPPED, why=f"{step.verb}: not tried, since a step before it failed")
        elif step.verb in CHANGES:
            step = await _do(api, step, target)
        done.append(step)
    return await _read_back(api, spec.project, done, target.url)


async def list_hooks(api: CircleCI, projects: Sequence[str], our_url: str | None) -> list[Step]:
    """Return every hook of these projects, ours and foreign.

    A project that cannot be read has a failed step instead.
    """
    return [step for project in projects for step in await _list_project(api, project, our_url)]


async def find_orphans(api: CircleCI, projects: Sequence[str], seen: Sequence[Step], our_url: str) -> list[Step]:
    """Return our hooks at projects that roundsman.yaml does not name.

    projects   slugs that posted lately; one that CircleCI no longer shows is left out
    seen       the steps of the projects that are named: their hooks identify a project under any of its slugs
    """
    named = {slug_spellings(step.project)[0] for step in seen}
    known = {step.hook.id for step in seen if step.hook}
    others: dict[str, str] = {}
    for project in projects:
        others.setdefault(slug_spellings(project)[0], project)
    found = [await _orphans_of(api, project, our_url) for slug, project in others.items() if slug not in named]
    return [step for steps in found for step in steps if step.hook is None or step.hook.id not in known]


async def _orphans_of(api: CircleCI, project: str, our_url: str) -> list[Step]:
    try:
        present = await api.list_hooks(await api.project_id(project))
    except Permanent:
        return []  # the project was deleted, or the token may not see it: there is nothing to report or to do
    except Temporary as error:
        return [Step(verb=Verb.FAILED, project=project, why=_with_next_step(error))]
    why = f"not in roundsman.yaml: add the project there, or run `roundsman hooks delete {project}`"
    return [
        Step(verb=Verb.ORPHAN, project=project, hook=hook, why=why) for hook in present if posts_to_us(hook, our_url)
    ]


async def delete(api: CircleCI, projects: Sequence[str], our_url: str) -> list[Step]:
    """Delete our hooks from these projects; foreign hooks stay. Safe to repeat.

    The address may be one that CircleCI cannot reach: a hook that posts there is useless.
    """
    return [step for project in projects for step in await _delete_of_project(api, project, our_url)]


async def _delete_of_project(api: CircleCI, project: str, our_url: str) -> list[Step]:
    found = await _list_project(api, project, our_url)
    steps = [replace(step, verb=Verb.DELETE) if step.verb is Verb.OURS else step for step in found]
    done = [await _delete(api, step) for step in steps if step.verb is not Verb.FOREIGN]
    return await _read_back(api, project, done, our_url)


async def _read_back(api: CircleCI, project: str, done: Sequence[Step], our_url: str) -> list[Step]:
    """Read the hooks back, and return the steps, failed where they differ.

    CircleCI accepts a request and silently drops the fields that it does not know.
    """
    if not any(step.verb in CHANGES or _may_exist(step) for step in done):
        return list(done)
    try:
        present = {hook.id: hook for hook in await api.list_hooks(await api.project_id(project))}
    except (Temporary, Permanent) as error:
        why = f"done, but it could not be read back: {_with_next_step(error)}"
        return [replace(step, verb=Verb.FAILED, why=why) if step.verb in CHANGES else step for step in done]
    made = next((hook for hook in present.values() if posts_to_us(hook, our_url)), None)
    return [_verify(step, present, made) for step in done]


def _may_exist(step: Step) -> bool:
    """Return True if the hook may exist although creating it failed.

    CircleCI may have created it, but not as requested.
    """
    return step.verb is Verb.FAILED and step.hook is None and step.project_id is not None


def _verify(step: Step, present: Mapping[str, Hook], made: Hook | None) -> Step:
    if _may_exist(step):
        return replace(step, result=made)
    if step.verb not in CHANGES:
        return step
    if step.verb is Verb.DELETE:
        return _mismatch(step, "it is still there") if step.hook and step.hook.id in present else step
    found = present.get(step.result.id) if step.result else None
    if found is None or step.spec is None:
        return _mismatch(step, "it is not there")
    if flaws := [*_secret_flaw(found), *_differences(step.spec, found)]:
        return _mismatch(step, "; ".join(flaws))
    return replace(step, result=found)


def _mismatch(step: Step, flaws: str) -> Step:
    why = f"{step.verb}: CircleCI said that it was done, but the hook reads back otherwise: {flaws}"
    return replace(step, verb=Verb.FAILED, why=why)


async def _list_project(api: CircleCI, project: str, our_url: str | None) -> list[Step]:
    try:
        present = await api.list_hooks(await api.project_id(project))
    except (Temporary, Permanent) as error:
        return [Step(verb=Verb.FAILED, project=project, why=_with_next_step(error))]
    return [
        Step(
            verb=Verb.OURS if posts_to_us(hook, our_url) else Verb.FOREIGN,
            project=project,
            hook=hook,
            why=_describe(hook, is_ours=posts_to_us(hook, our_url)),
        )
        for hook in present
    ]


def _describe(hook: Hook, *, is_ours: bool) -> str:
    drift = f"; {SECRETLESS}: run `roundsman hooks apply`" if is_ours and not hook.has_secret else ""
    return f"{_events(hook) or 'no events'}; posts to {host_of(hook)}{drift}"


async def _plan_project(api: CircleCI, spec: HookSpec, target: HookTarget, *, rotate: bool) -> list[Step]:
    try:
        project_id = await api.project_id(spec.project)
        present = await api.list_hooks(project_id)
    except (Temporary, Permanent) as error:
        return [Step(verb=Verb.FAILED, project=spec.project, spec=spec, why=_with_next_step(error))]
    foreign = [
        Step(verb=Verb.FOREIGN, project=spec.project, hook=hook, why=f"posts to {host_of(hook)}")
        for hook in present
        if not posts_to_us(hook, target.url)
    ]
    own = [hook for hook in present if posts_to_us(hook, target.url)]
    if not own:
        return [_make(spec, present, project_id), *foreign]
    surplus = [
        Step(verb=Verb.DELETE, project=spec.project, hook=hook, spec=spec, why="posts to our address a second time")
        for hook in own[1:]
    ]
    return [_keep(spec, own[0], rotate=rotate), *surplus, *foreign]


def known_and_deleted(steps: Sequence[Step], our_url: str, seen_at: datetime) -> tuple[list[KnownHook], list[str]]:
    """Return our hooks as of these steps, and the ids of the deleted ones."""
    found = [(step, hook) for step in steps if (hook := step.result or step.hook)]
    ours = [(step, hook) for step, hook in found if posts_to_us(hook, our_url) and len(hook.id) <= MAX_ID]
    gone = [hook.id for step, hook in ours if step.verb is Verb.DELETE]
    known = [
        KnownHook(id=hook.id, project=step.project, name=hook.name, seen_at=seen_at)
        for step, hook in ours
        if step.verb is not Verb.DELETE
    ]
    return known, gone


def _make(spec: HookSpec, present: Sequence[Hook], project_id: str) -> Step:
    if len(present) >= MAX_HOOKS:
        users = ", ".join(hook.name or host_of(hook) for hook in present)
        return Step(
            verb=Verb.BLOCKED, project=spec.project, spec=spec, why=f"{len(present)} of {MAX_HOOKS} used by {users}"
        )
    why = f"{', '.join(spec.events)}; slot {len(present) + 1} of {MAX_HOOKS}"
    return Step(verb=Verb.CREATE, project=spec.project, spec=spec, project_id=project_id, why=why)


def _keep(spec: HookSpec, hook: Hook, *, rotate: bool) -> Step:
    changes = [*_secret_flaw(hook), *_differences(spec, hook)]
    if rotate:
        changes.append("newest secret")
    verb = Verb.UPDATE if changes else Verb.UNCHANGED
    # verify-tls stays as it is: an operator behind a private CA may have turned it off
    remark = "" if hook.verify_tls else " (does not verify TLS)"
    why = ("; ".join(changes) or "as it should be") + remark
    return Step(verb=verb, project=spec.project, hook=hook, spec=spec, why=why)


def _secret_flaw(hook: Hook) -> list[str]:
    return [] if hook.has_secret else [SECRETLESS]


def _differences(spec: HookSpec, hook: Hook) -> Iterator[str]:
    if set(hook.events) != set(spec.events):
        yield f"events {_events(hook) or 'none'} -> {', '.join(spec.events)}"
    if hook.name != spec.name:
        yield f"name {hook.name!r} -> {spec.name!r}"


def _events(hook: Hook) -> str:
    """Return a hook's events in our order: CircleCI's order changes with each read."""
    known = [kind.value for kind in EventKind]
    return ", ".join(sorted(hook.events, key=lambda event: known.index(event) if event in known else len(known)))


async def _do(api: CircleCI, step: Step, target: HookTarget) -> Step:
    """Run one step, and return it with its result, or failed with the reason."""
    result = None
    try:
        match step:
            case Step(verb=Verb.CREATE, spec=HookSpec() as spec, project_id=str(project_id)):
                wish = {"name": spec.name, "url": target.url, "secret": target.secret}
                result = await api.create_hook(project_id, events=spec.events, **wish)
            case Step(verb=Verb.UPDATE, spec=HookSpec() as spec, hook=Hook(id=hook_id)):
                wish = {"name": spec.name, "url": target.url, "secret": target.secret}
                result = await api.update_hook(hook_id, events=spec.events, **wish)
            case Step(verb=Verb.DELETE):
                return await _delete(api, step)
    except (Temporary, Permanent) as error:
        return _failed(step, error)
    return replace(step, result=result)


async def _delete(api: CircleCI, step: Step) -> Step:
    if step.verb is not Verb.DELETE or step.hook is None:
        return step
    try:
        await api.delete_hook(step.hook.id)
    except (Temporary, Permanent) as error:
        return _failed(step, error)
    return step


def _failed(step: Step, error: Temporary | Permanent) -> Step:
    return replace(step, verb=Verb.FAILED, why=f"{step.verb}: {_with_next_step(error)}")


def _with_next_step(error: Temporary | Permanent) -> str:
    """Return the error's sentence, with the next step if it names none itself."""
    if isinstance(error, Permanent):
        return str(error)
    wait_s = error.retry_after_s
    when = "in some minutes" if wait_s is None else f"in {max(1, round(wait_s))} s"
    return f"{error}; run this again {when}, it is safe to repeat"
