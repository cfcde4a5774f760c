"""Walk the hooks' secret through its life: update each hook, then wait for proof.

The state stands in the database after each project, so a walk that was stopped goes on where it was.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.circleci.circleci import CircleCI
from service.circleci.webhook.signature import fingerprint_of, fingerprints_of
from service.db.database import Store
from service.errors import Permanent, Temporary
from service.model import HookSpec, HookState, slug_spellings
from service.operations.hooks.hook_globs import Expansion, expand
from service.operations.hooks.hook_rotation import (
    Evidence,
    Rotation,
    Stage,
    judge_rotation,
    not_accepted,
    not_reloaded,
    processes_without,
    rotated_projects,
)
from service.operations.hooks.hook_states import applied_states, refresh
from service.operations.hooks.hook_steps import FAILURES, Step
from service.operations.hooks.hooks import HookTarget, apply
from service.queue.base import WORKER_ALIVE_WITHIN
from service.store.circleci import hook_states
from service.store.upkeep import heartbeats

UNTRIED = (
    "whether the service accepts each secret could not be tried: {error}. Name an address of it that this machine "
    "reaches with --at, or say --accepted if each process has been reloaded with both"
)


@dataclass(frozen=True, kw_only=True)
class RotationRequest:
    """The rotation that a command asks for.

    secrets     the configured ones, newest first
    history     slugs of projects that posted here
    is_accepted returns whether the service accepts a secret; None: not to be tried
    """

    specs: Sequence[HookSpec]
    secrets: Sequence[str] = field(repr=False)
    target: HookTarget
    history: Sequence[str]
    quiet_for: timedelta
    allow_unconfirmed: bool = False
    is_accepted: Callable[[str], Awaitable[bool]] | None = None
    clock: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class RotationOutcome:
    """The state of a rotation after a walk, with the steps that were taken."""

    rotation: Rotation
    steps: Sequence[Step] = ()
    remarks: Sequence[str] = ()


async def rotate(api: CircleCI, store: Store, request: RotationRequest) -> RotationOutcome:
    """Go as far as the rotation can go now; safe to repeat.

    Raises Temporary if the database cannot be used.
    """
    wanted = await expand(api, request.specs, request.history)
    states = await refresh(store, request.clock())
    newest = fingerprint_of(request.secrets[0])
    pending = [spec for spec in wanted.specs if not _has_secret(states, spec, newest)]
    steps: list[Step] = []
    if len(request.secrets) > 1 and pending:
        if (rotation := await _unaccepted(store, request, wanted)) is not None:
            return RotationOutcome(rotation=rotation, remarks=wanted.remarks)
        for spec in pending:
            steps += await _update(api, store, spec, request)
        await refresh(store, request.clock())
    evidence = await _evidence(store, request, wanted, steps)
    rotation = judge_rotation(
        evidence, request.clock(), quiet_for=request.quiet_for, allow_unconfirmed=request.allow_unconfirmed
    )
    return RotationOutcome(rotation=rotation, steps=[*steps, *wanted.unread], remarks=wanted.remarks)


def _has_secret(states: dict[str, HookState], spec: HookSpec, fingerprint: str) -> bool:
    state = states.get(slug_spellings(spec.project)[0])
    return state is not None and state.fingerprint == fingerprint and state.applied_at is not None


async def _unaccepted(store: Store, request: RotationRequest, wanted: Expansion) -> Rotation | None:
    """Return the rotation that waits until the service accepts each secret.

    A ping reaches one process alone; what the others accept, each wrote with its heartbeat. None: all do.
    """
    if request.is_accepted is None:
        return None
    if store.is_shared:
        since = request.clock() - WORKER_ALIVE_WITHIN
        processes = await store.read(heartbeats.accepted_secrets, since=since)
        if late := processes_without(processes, fingerprints_of(request.secrets)):
            return await _stopped(store, request, wanted, not_reloaded(late, len(processes)))
    try:
        answers = [await request.is_accepted(secret) for secret in request.secrets]
    except (Temporary, Permanent) as error:
        return await _stopped(store, request, wanted, UNTRIED.format(error=error))
    refused = [number for number, is_accepted in enumerate(answers, 1) if not is_accepted]
    return await _stopped(store, request, wanted, not_accepted(refused)) if refused else None


async def _stopped(store: Store, request: RotationRequest, wanted: Expansion, next_step: str) -> Rotation:
    """Return a rotation that goes no further before a reload."""
    projects = rotated_projects(await _evidence(store, request, wanted, ()))
    return Rotation(stage=Stage.RELOAD, next_step=next_step, projects=projects)


async def _update(api: CircleCI, store: Store, spec: HookSpec, request: RotationRequest) -> list[Step]:
    """Send the newest secret to a project's hook, and put that on record at once."""
    done = await apply(api, [spec], request.target, rotate=True)
    before = await store.read(hook_states.find_all)
    states = applied_states(done, before, fingerprint_of(request.target.secret), request.clock())
    await store.write(hook_states.record, states)
    return done


async def _evidence(store: Store, request: RotationRequest, wanted: Expansion, steps: Sequence[Step]) -> Evidence:
    failed = [step.project for step in (*steps, *wanted.unread) if step.verb in FAILURES]
    return Evidence(
        fingerprints=fingerprints_of(request.secrets),
        wanted=[slug_spellings(spec.project)[0] for spec in wanted.specs],
        failed=list(dict.fromkeys(failed)),
        states=await store.read(hook_states.find_all),
        uses=await store.read(hook_states.find_uses),
    )
