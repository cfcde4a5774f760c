"""States of hooks after a command: what was applied, and what deliveries confirm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from service.db.database import Store
from service.model import HookState, slug_spellings
from service.operations.hooks.hook_addresses import posts_to_us
from service.operations.hooks.hook_steps import Step, Verb
from service.store.circleci import hook_states

WAITS = "waits for its first delivery"


async def refresh(store: Store, now: datetime) -> dict[str, HookState]:
    """Note the secrets that deliveries were signed with; return the states of hooks.

    Raises Temporary.
    """
    uses = await store.snapshot(hook_states.scan_uses, now)
    await store.write(hook_states.keep_uses, uses)
    await store.write(hook_states.confirm)
    return await store.read(hook_states.find_all)


def applied_states(
    steps: Sequence[Step], before: Mapping[str, HookState], fingerprint: str, now: datetime
) -> list[HookState]:
    """Return the states of hooks that were created, changed or found in order.

    fingerprint   of the secret that was sent
    """
    found: dict[str, HookState] = {}
    for step in steps:
        project = slug_spellings(step.project)[0]
        known = before.get(project, HookState(project=project))
        if step.verb in {Verb.CREATE, Verb.UPDATE} and step.result and step.result.has_secret:
            found[project] = HookState(
                project=project,
                hook_id=step.result.id,
                fingerprint=fingerprint,
                applied_at=now,
                verify_tls=step.result.verify_tls,
                silence=known.silence,
                looked_at=now,
            )
        elif step.verb is Verb.UNCHANGED and step.hook:
            own = known if known.hook_id == step.hook.id else HookState(project=project, silence=known.silence)
            found[project] = replace(
                own, hook_id=step.hook.id, verify_tls=step.hook.verify_tls, drift=None, looked_at=now
            )
    return list(found.values())


def deleted_projects(steps: Sequence[Step], our_url: str) -> list[str]:
    """Return the projects that have no hook of ours any more."""
    kept = {slug_spellings(step.project)[0] for step in steps if step.verb is not Verb.DELETE}
    gone = {
        slug_spellings(step.project)[0]
        for step in steps
        if step.verb is Verb.DELETE and step.hook and posts_to_us(step.hook, our_url)
    }
    return sorted(gone - kept)


def with_renames(steps: Sequence[Step], states: Mapping[str, HookState]) -> list[Step]:
    """Return the steps; those of a renamed project say which name to write.

    CircleCI no longer shows the name there, and the hook that it had is at a project of another name.
    """
    unread = {slug_spellings(step.project)[0] for step in steps if step.verb is Verb.FAILED and step.hook is None}
    former = {states[one].hook_id: one for one in unread if one in states and states[one].hook_id}
    present = {
        former[step.hook.id]: slug_spellings(step.project)[0]
        for step in steps
        if step.verb is Verb.ORPHAN and step.hook and step.hook.id in former
    }
    return [_with_rename(step, former, present) for step in steps] if present else list(steps)


def _with_rename(step: Step, former: Mapping[str | None, str], present: Mapping[str, str]) -> Step:
    if step.verb is Verb.ORPHAN and step.hook and step.hook.id in former:
        before = former[step.hook.id]
        return replace(step, why=f"called {before} in roundsman.yaml, its former name: write {present[before]} there")
    if step.verb is Verb.FAILED and (now := present.get(slug_spellings(step.project)[0])):
        return replace(step, why=f"renamed: CircleCI calls it {now} by now; write that in roundsman.yaml")
    return step


def with_confirmation(steps: Sequence[Step], states: Mapping[str, HookState]) -> list[Step]:
    """Return the steps; those of hooks that wait for their first delivery say so."""
    return [_with_confirmation(step, states.get(slug_spellings(step.project)[0])) for step in steps]


def _with_confirmation(step: Step, state: HookState | None) -> Step:
    is_there = step.verb in {Verb.UNCHANGED, Verb.OURS} and step.hook is not None
    if state is None or not is_there or step.hook is None or state.hook_id != step.hook.id or not state.is_waiting:
        return step
    return replace(step, why=f"{step.why}; {WAITS}", is_waiting=True)
