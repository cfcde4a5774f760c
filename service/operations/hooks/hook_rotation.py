"""The rotation of the hooks' secret, from two that are accepted to one. Pure.

CircleCI shows no secret, so deliveries are the proof: a hook has the new secret when one of its deliveries verifies
with it, and the old one is of no use when no delivery has been signed with it for a stated time.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.model import HookState, SecretUse

MAX_NAMED = 5
ON_THE_WAY = timedelta(hours=1)  # CircleCI repeats a delivery that failed, as it was signed
MAKE = "make a secret with `openssl rand -hex 32`"
RELOAD = "reload each process (SIGHUP, or a restart)"
AGAIN = "run `roundsman hooks rotate` again"


class Stage(StrEnum):
    """The stage that a rotation has reached.

    IDLE      one secret is configured, and each hook has it
    RELOAD    the service does not accept both secrets yet; nothing was changed
    UPDATE    some hooks have not been given the newest secret
    WAIT      each hook has it; deliveries must show that the old one is out of use
    RETIRED   the old secret may be taken out of the configuration
    """

    IDLE = "idle"
    RELOAD = "reload"
    UPDATE = "update"
    WAIT = "wait"
    RETIRED = "retired"


@dataclass(frozen=True, kw_only=True)
class RotatedProject:
    """A project's hook during a rotation.

    secret         the number of the secret that its last delivery verified with; None: of none that is configured,
                   or there was no delivery
    last_at        the time of that delivery
    is_updated     it was given the newest secret
    is_confirmed   a delivery has been signed with that secret since
    """

    project: str
    secret: int | None
    last_at: datetime | None
    is_updated: bool
    is_confirmed: bool


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """The state of a rotation, with the next step."""

    stage: Stage
    next_step: str
    projects: Sequence[RotatedProject] = ()

    @property
    def is_over(self) -> bool:
        """True if nothing is left to do for the hooks."""
        return self.stage in {Stage.IDLE, Stage.RETIRED}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The facts that a rotation is judged by.

    fingerprints   of the configured secrets, newest first
    wanted         the projects that have a hook of ours
    failed         those that could not be updated or read
    """

    fingerprints: Sequence[str]
    wanted: Sequence[str]
    failed: Sequence[str]
    states: Mapping[str, HookState]
    uses: Sequence[SecretUse]


def rotated_projects(evidence: Evidence) -> list[RotatedProject]:
    """Return the projects, wanted ones first, each with its last secret.

    A former name of a wanted one, whose hook it had, is left out.
    """
    last: dict[str, SecretUse] = {}
    for use in evidence.uses:  # the newest first
        if use.fingerprint and use.project:
            last.setdefault(use.project, use)
    others = sorted(last.keys() - set(evidence.wanted) - _former_names(evidence))
    return [_rotated(evidence, project, last.get(project)) for project in [*evidence.wanted, *others]]


def _former_names(evidence: Evidence) -> set[str]:
    states = evidence.states
    hooks = {states[one].hook_id for one in evidence.wanted if one in states} - {None}
    return {project for project, state in states.items() if state.hook_id in hooks}


def _rotated(evidence: Evidence, project: str, use: SecretUse | None) -> RotatedProject:
    state, newest = evidence.states.get(project), evidence.fingerprints[0]
    is_updated = state is not None and state.fingerprint == newest and state.applied_at is not None
    known = use is not None and use.fingerprint in evidence.fingerprints
    return RotatedProject(
        project=project,
        secret=evidence.fingerprints.index(use.fingerprint) + 1 if use and known else None,
        last_at=use.last_at if use else None,
        is_updated=is_updated,
        is_confirmed=bool(is_updated and state and state.confirmed_at),
    )


def judge_rotation(
    evidence: Evidence, now: datetime, *, quiet_for: timedelta, allow_unconfirmed: bool = False
) -> Rotation:
    """Return the stage of a rotation whose secrets are all accepted by the service."""
    projects = rotated_projects(evidence)
    wanted = projects[: len(evidence.wanted)]
    missing = [*evidence.failed, *(one.project for one in wanted if not one.is_updated)]
    missing = list(dict.fromkeys(missing))
    if len(evidence.fingerprints) == 1:
        return Rotation(stage=Stage.IDLE, next_step=_idle(missing, projects), projects=projects)
    if missing:
        words = f"{_named(missing)} could not be updated; mend that as its step says, and {AGAIN}"
        return Rotation(stage=Stage.UPDATE, next_step=words, projects=projects)
    if reason := _reason_to_wait(evidence, projects, now, quiet_for, allow_unconfirmed=allow_unconfirmed):
        return Rotation(stage=Stage.WAIT, next_step=reason, projects=projects)
    old = "the old secret" if len(evidence.fingerprints) == 2 else "each secret but the first"
    words = f"{old} is retired: take it out of ROUNDSMAN_WEBHOOK_SECRETS, and {RELOAD}"
    return Rotation(stage=Stage.RETIRED, next_step=words, projects=projects)


def not_accepted(refused: Sequence[int]) -> str:
    """Return the next step where the service refused some secrets, by number."""
    numbers = " and ".join(map(str, refused))
    return (
        f"the service does not accept secret {numbers}: put the new and the old one into its "
        f"ROUNDSMAN_WEBHOOK_SECRETS, {RELOAD}, and {AGAIN}. No hook was changed"
    )


def processes_without(processes: Sequence[Set[str] | None], fingerprints: Sequence[str]) -> int:
    """Return how many processes do not accept all of some secrets.

    processes   the fingerprints of the secrets that each accepts; None: it does not say
    """
    return sum(accepted is None or not accepted >= set(fingerprints) for accepted in processes)


def not_reloaded(late: int, processes: int) -> str:
    """Return the next step where some of the processes accept another set of secrets."""
    return (
        f"{late} of the {processes} processes that receive posts say by their heartbeats that they do not accept each "
        f"secret: put the new and the old one into ROUNDSMAN_WEBHOOK_SECRETS of each, {RELOAD}, and {AGAIN} after half "
        "a minute. No hook was changed"
    )


def _idle(missing: Sequence[str], projects: Sequence[RotatedProject]) -> str:
    begin = f"{MAKE}, put it before the present one in ROUNDSMAN_WEBHOOK_SECRETS (NEW,OLD), {RELOAD}, and {AGAIN}"
    if not missing:
        return f"each hook has the one secret that is configured; to rotate it, {begin}"
    return f"one secret is configured, and that {_named(missing)} has it is not on record; to rotate it, {begin}"


def _reason_to_wait(
    evidence: Evidence,
    projects: Sequence[RotatedProject],
    now: datetime,
    quiet_for: timedelta,
    *,
    allow_unconfirmed: bool,
) -> str | None:
    """Return the reason why the old secret is still needed, with the next step."""
    wanted, others = projects[: len(evidence.wanted)], projects[len(evidence.wanted) :]
    states = {one: evidence.states[one] for one in evidence.wanted if one in evidence.states}
    if stuck := [one.project for one in wanted if _is_stuck(one, states.get(one.project))]:
        return (
            f"{_named(stuck)} still signs with the old secret, though its hook was given the new one: set it at "
            f"CircleCI by hand, in the project's settings under Webhooks, and {AGAIN}"
        )
    old = [use for use in evidence.uses if use.fingerprint in evidence.fingerprints[1:]]
    applied = [state.applied_at for state in states.values() if state.applied_at]
    since = max([use.last_at for use in old] + applied, default=now)
    if now - since < quiet_for:
        strangers = [one.project for one in others if one.secret not in {None, 1}]
        own = f"; {_named(strangers)} is not in roundsman.yaml: add it, or delete its hook" if strangers else ""
        until = f"{since + quiet_for:%Y-%m-%d %H:%M} UTC"
        return f"{_last_use(old)}{own}; {AGAIN} after {until}, if none does until then"
    waiting = [one.project for one in wanted if not one.is_confirmed]
    if waiting and not allow_unconfirmed:
        return (
            f"{_named(waiting)} waits for its first delivery with the new secret: run a build of each, or "
            f"{AGAIN} with --allow-unconfirmed to retire the old one without that proof"
        )
    return None


def _is_stuck(one: RotatedProject, state: HookState | None) -> bool:
    """Return True if deliveries show that a hook did not take the new secret."""
    applied_at = state.applied_at if state else None
    if applied_at is None or one.last_at is None or one.secret in {None, 1}:
        return False
    return not one.is_confirmed and one.last_at - applied_at > ON_THE_WAY


def _last_use(old: Sequence[SecretUse]) -> str:
    last = max(old, key=lambda use: use.last_at, default=None)
    if last is None:
        return "no delivery has used the old secret"
    return f"{last.project or 'a delivery'} used the old secret at {last.last_at:%Y-%m-%d %H:%M} UTC"


def _named(projects: Sequence[str]) -> str:
    more = f" and {len(projects) - MAX_NAMED} more" if len(projects) > MAX_NAMED else ""
    return f"{', '.join(projects[:MAX_NAMED])}{more}"
