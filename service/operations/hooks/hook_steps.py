"""Steps of the hook commands: each hook with its change, outcome or state."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.errors import Permanent, Temporary
from service.model import EventKind, Hook, HookSpec, KnownHook
from service.operations.hooks.hook_addresses import host_of, posts_to_us

MAX_HOOKS = 5  # CircleCI docs, "Outbound webhooks": at most five for each project
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
    is_waiting   no delivery has shown yet that the hook works
    """

    verb: Verb
    project: str
    why: str
    hook: Hook | None = None
    result: Hook | None = None
    spec: HookSpec | None = None
    project_id: str | None = None
    is_waiting: bool = False


def plan_creation(spec: HookSpec, present: Sequence[Hook], project_id: str) -> Step:
    """Return the step that creates a hook; a blocked one without a free slot."""
    if len(present) >= MAX_HOOKS:
        users = ", ".join(hook.name or host_of(hook) for hook in present)
        return Step(
            verb=Verb.BLOCKED, project=spec.project, spec=spec, why=f"{len(present)} of {MAX_HOOKS} used by {users}"
        )
    why = f"{', '.join(spec.events)}; slot {len(present) + 1} of {MAX_HOOKS}"
    return Step(verb=Verb.CREATE, project=spec.project, spec=spec, project_id=project_id, why=why)


def plan_upkeep(spec: HookSpec, hook: Hook, *, rotate: bool) -> Step:
    """Return the step that makes a hook of ours as the spec wants it."""
    changes = find_flaws(spec, hook)
    if rotate:
        changes.append("newest secret")
    verb = Verb.UPDATE if changes else Verb.UNCHANGED
    # verify-tls stays as it is: an operator behind a private CA may have turned it off
    remark = "" if hook.verify_tls else " (does not verify TLS)"
    why = ("; ".join(changes) or "as it should be") + remark
    return Step(verb=verb, project=spec.project, hook=hook, spec=spec, why=why)


def describe(hook: Hook, *, is_ours: bool) -> str:
    """Return a hook's events, host and flaws as a phrase."""
    drift = f"; {SECRETLESS}: run `roundsman hooks apply`" if is_ours and not hook.has_secret else ""
    return f"{_events(hook) or 'no events'}; posts to {host_of(hook)}{drift}"


def verify(step: Step, present: Mapping[str, Hook], made: Hook | None) -> Step:
    """Return a step that was done, failed where the hook reads back otherwise.

    present   the project's hooks by id, read after the step
    made      our hook among them, if there is one
    """
    if may_exist(step):
        return replace(step, result=made)
    if step.verb not in CHANGES:
        return step
    if step.verb is Verb.DELETE:
        return _mismatch(step, "it is still there") if step.hook and step.hook.id in present else step
    found = present.get(step.result.id) if step.result else None
    if found is None or step.spec is None:
        return _mismatch(step, "it is not there")
    if flaws := find_flaws(step.spec, found):
        return _mismatch(step, "; ".join(flaws))
    return replace(step, result=found)


def may_exist(step: Step) -> bool:
    """Return True if the hook may exist although creating it failed.

    CircleCI may have created it, but not as requested.
    """
    return step.verb is Verb.FAILED and step.hook is None and step.project_id is not None


def _mismatch(step: Step, flaws: str) -> Step:
    why = f"{step.verb}: CircleCI said that it was done, but the hook reads back otherwise: {flaws}"
    return replace(step, verb=Verb.FAILED, why=why)


def find_flaws(spec: HookSpec, hook: Hook) -> list[str]:
    """Return the differences of a hook from what a spec wants."""
    return [*_secret_flaw(hook), *_differences(spec, hook)]


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


def as_failed(step: Step, error: Temporary | Permanent) -> Step:
    """Return a step that an error ended, with its sentence and the next step."""
    return replace(step, verb=Verb.FAILED, why=f"{step.verb}: {with_next_step(error)}")


def with_next_step(error: Temporary | Permanent) -> str:
    """Return the error's sentence, with the next step if it names none itself."""
    if isinstance(error, Permanent):
        return str(error)
    wait_s = error.retry_after_s
    when = "in some minutes" if wait_s is None else f"in {max(1, round(wait_s))} s"
    return f"{error}; run this again {when}, it is safe to repeat"
