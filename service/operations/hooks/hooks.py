"""Hooks at CircleCI, kept as roundsman.yaml wants them: list, plan, apply, delete.

A hook is ours when it posts to our address. Others are foreign: shown, because they use slots, and never touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from service.circleci.circleci import CircleCI
from service.errors import BadConfig, Permanent, Temporary
from service.model import Hook, HookSpec, slug_spellings
from service.operations.hooks.hook_addresses import HOOK_PATH, find_obstacle, host_of, posts_to_us
from service.operations.hooks.hook_steps import (
    CHANGES,
    Step,
    Verb,
    as_failed,
    describe,
    may_exist,
    plan_creation,
    plan_upkeep,
    verify,
    with_next_step,
)
from service.operations.hooks.patience import Patience


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


async def plan(
    api: CircleCI,
    specs: Sequence[HookSpec],
    target: HookTarget,
    *,
    rotate: bool = False,
) -> list[Step]:
    """Return the steps that ``apply`` would take, project by project.

    A project that cannot be planned has a failed step with the reason.

    rotate   update all of our hooks: a secret cannot be read back, so old ones cannot be told from the newest
    """
    patience = Patience()
    return [step for spec in specs for step in await _plan_project(api, spec, target, patience, rotate=rotate)]


async def _plan_project(
    api: CircleCI, spec: HookSpec, target: HookTarget, patience: Patience, *, rotate: bool
) -> list[Step]:
    try:
        project_id, present = await read_project(api, spec, patience)
    except (Temporary, Permanent) as error:
        return [Step(verb=Verb.FAILED, project=spec.project, spec=spec, why=with_next_step(error))]
    return plan_steps(spec, project_id, present, target.url, rotate=rotate)


async def read_project(api: CircleCI, spec: HookSpec, patience: Patience) -> tuple[str, list[Hook]]:
    """Return the id and the hooks of a project; raises Temporary or Permanent.

    For one of many projects, which has an id, the waits that CircleCI asks for are kept.
    """
    if (project_id := spec.project_id) is not None:
        found_id = project_id
        return found_id, await patience.read(lambda: api.list_hooks(found_id))
    project_id = await api.project_id(spec.project)
    return project_id, await api.list_hooks(project_id)


def plan_steps(
    spec: HookSpec, project_id: str, present: Sequence[Hook], our_url: str, *, rotate: bool = False
) -> list[Step]:
    """Return the steps for a project's hooks: of ours first, then foreign ones."""
    foreign = [
        Step(verb=Verb.FOREIGN, project=spec.project, hook=hook, why=f"posts to {host_of(hook)}")
        for hook in present
        if not posts_to_us(hook, our_url)
    ]
    own = [hook for hook in present if posts_to_us(hook, our_url)]
    if not own:
        return [plan_creation(spec, present, project_id), *foreign]
    surplus = [
        Step(verb=Verb.DELETE, project=spec.project, hook=hook, spec=spec, why="posts to our address a second time")
        for hook in own[1:]
    ]
    return [plan_upkeep(spec, own[0], rotate=rotate), *surplus, *foreign]


async def apply(api: CircleCI, specs: Sequence[HookSpec], target: HookTarget, *, rotate: bool = False) -> list[Step]:
    """Plan and run the changes, and return the steps with their results.

    Safe to repeat: a change that was made is not planned again. After the first failed step of a project its other
    changes are not tried, since they rely on it: a surplus hook is needed until the one that stays posts all events.
    Other projects go on.
    """
    patience = Patience()
    return [step for spec in specs for step in await _apply_project(api, spec, target, patience, rotate=rotate)]


async def _apply_project(
    api: CircleCI, spec: HookSpec, target: HookTarget, patience: Patience, *, rotate: bool
) -> list[Step]:
    done: list[Step] = []
    for planned in await _plan_project(api, spec, target, patience, rotate=rotate):
        step = planned
        if step.verb in CHANGES and any(before.verb is Verb.FAILED for before in done):
            step = replace(step, verb=Verb.SKIPPED, why=f"{step.verb}: not tried, since a step before it failed")
        elif step.verb in CHANGES:
            step = await _do(api, step, target)
        done.append(step)
    return await _read_back(api, spec.project, done, target.url)


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
        return as_failed(step, error)
    return replace(step, result=result)


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


async def _delete(api: CircleCI, step: Step) -> Step:
    if step.verb is not Verb.DELETE or step.hook is None:
        return step
    try:
        await api.delete_hook(step.hook.id)
    except (Temporary, Permanent) as error:
        return as_failed(step, error)
    return step


async def _read_back(api: CircleCI, project: str, done: Sequence[Step], our_url: str) -> list[Step]:
    """Read the hooks back, and return the steps, failed where they differ.

    CircleCI accepts a request and silently drops the fields that it does not know.
    """
    if not any(step.verb in CHANGES or may_exist(step) for step in done):
        return list(done)
    try:
        present = {hook.id: hook for hook in await api.list_hooks(await api.project_id(project))}
    except (Temporary, Permanent) as error:
        why = f"done, but it could not be read back: {with_next_step(error)}"
        return [replace(step, verb=Verb.FAILED, why=why) if step.verb in CHANGES else step for step in done]
    made = next((hook for hook in present.values() if posts_to_us(hook, our_url)), None)
    return [verify(step, present, made) for step in done]


async def list_hooks(api: CircleCI, projects: Sequence[str], our_url: str | None) -> list[Step]:
    """Return every hook of these projects, ours and foreign.

    A project that cannot be read has a failed step instead.
    """
    return [step for project in projects for step in await _list_project(api, project, our_url)]


async def _list_project(api: CircleCI, project: str, our_url: str | None) -> list[Step]:
    try:
        present = await api.list_hooks(await api.project_id(project))
    except (Temporary, Permanent) as error:
        return [Step(verb=Verb.FAILED, project=project, why=with_next_step(error))]
    return [
        Step(
            verb=Verb.OURS if posts_to_us(hook, our_url) else Verb.FOREIGN,
            project=project,
            hook=hook,
            why=describe(hook, is_ours=posts_to_us(hook, our_url)),
        )
        for hook in present
    ]


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
        return [Step(verb=Verb.FAILED, project=project, why=with_next_step(error))]
    why = f"not in roundsman.yaml: add the project there, or run `roundsman hooks delete {project}`"
    return [
        Step(verb=Verb.ORPHAN, project=project, hook=hook, why=why) for hook in present if posts_to_us(hook, our_url)
    ]
