"""Schedules at CircleCI, kept as roundsman.yaml wants them: list, plan, apply.

A schedule is ours when its description has our mark. Others are foreign: shown, and never touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import EndpointNotFound
from service.circleci.schedules import MARK, differences, is_ours, list_schedules, write_schedule
from service.errors import Permanent, Temporary
from service.model.schedules import Schedule, ScheduleSpec


class ScheduleVerb(StrEnum):
    """The planned change of a schedule, its outcome, or its kind if nothing changes."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    OURS = "ours"
    FOREIGN = "foreign"
    BLOCKED = "name_taken"
    FAILED = "failed"


CHANGES = frozenset({ScheduleVerb.CREATE, ScheduleVerb.UPDATE, ScheduleVerb.DELETE})
FAILURES = frozenset({ScheduleVerb.BLOCKED, ScheduleVerb.FAILED})
NEEDS_ACTION = CHANGES | FAILURES


@dataclass(frozen=True, kw_only=True)
class ScheduleStep:
    """One schedule with its planned change or its state.

    why       a phrase for the person who reads the plan
    schedule  as it was found; after a write as it reads back
    """

    verb: ScheduleVerb
    project: str
    why: str
    schedule: Schedule | None = None
    spec: ScheduleSpec | None = None

    @property
    def name(self) -> str:
        """The name of the schedule; empty for a project that could not be read."""
        return self.spec.name if self.spec else self.schedule.name if self.schedule else ""


async def list_all(api: CircleCIAPI, projects: Sequence[str]) -> list[ScheduleStep]:
    """Return the schedules of projects, ours and others'."""
    return [step for project in projects for step in await _list_project(api, project)]


async def _list_project(api: CircleCIAPI, project: str) -> list[ScheduleStep]:
    try:
        found = await list_schedules(api, project)
    except (Temporary, Permanent) as error:
        return [ScheduleStep(verb=ScheduleVerb.FAILED, project=project, why=str(error))]
    return [
        ScheduleStep(
            verb=ScheduleVerb.OURS if is_ours(one) else ScheduleVerb.FOREIGN,
            project=project,
            schedule=one,
            why=one.description.replace(MARK, "").strip(),
        )
        for one in found
    ]


async def plan(api: CircleCIAPI, specs: Sequence[ScheduleSpec], projects: Sequence[str]) -> list[ScheduleStep]:
    """Return the steps that ``apply`` would take.

    projects   all to look at, those of the specs and others that may have schedules of ours
    """
    return [step for project in projects for step in await _plan_project(api, project, specs)]


async def _plan_project(api: CircleCIAPI, project: str, specs: Sequence[ScheduleSpec]) -> list[ScheduleStep]:
    wanted = {spec.name: spec for spec in specs if spec.project == project}
    steps = []
    found = await _list_project(api, project)
    if any(step.verb is ScheduleVerb.FAILED for step in found):
        return found
    for step in found:
        spec = wanted.pop(step.name, None)
        steps.append(_upkeep(step, spec))
    create = [
        ScheduleStep(verb=ScheduleVerb.CREATE, project=project, spec=spec, why="is not there")
        for spec in wanted.values()
    ]
    return [*create, *steps]


def _upkeep(step: ScheduleStep, spec: ScheduleSpec | None) -> ScheduleStep:
    """Return the step that makes a schedule as the spec wants it."""
    if step.verb is ScheduleVerb.FOREIGN:
        if spec is None:
            return step
        why = f"one of this name is there and is not ours; rename one, or put {MARK} into its description"
        return replace(step, verb=ScheduleVerb.BLOCKED, spec=spec, why=why)
    if spec is None:
        return replace(step, verb=ScheduleVerb.DELETE, why="is ours, and not in roundsman.yaml")
    changes = differences(spec, step.schedule) if step.schedule else []
    verb = ScheduleVerb.UPDATE if changes else ScheduleVerb.UNCHANGED
    return replace(step, verb=verb, spec=spec, why=", ".join(changes) or "as it should be")


async def apply(api: CircleCIAPI, specs: Sequence[ScheduleSpec], projects: Sequence[str]) -> list[ScheduleStep]:
    """Make the changes, and return the steps with their results. Safe to repeat."""
    planned = await plan(api, specs, projects)
    return [await _do(api, step) if step.verb in CHANGES else step for step in planned]


async def _do(api: CircleCIAPI, step: ScheduleStep) -> ScheduleStep:
    """Make one change, once; after a lost answer look whether it was made."""
    try:
        return await _write(api, step)
    except Permanent as error:
        return replace(step, verb=ScheduleVerb.FAILED, why=f"{step.verb}: {error}")
    except Temporary as error:
        try:
            is_done = await _is_done(api, step)
        except (Temporary, Permanent) as second:
            return replace(step, verb=ScheduleVerb.FAILED, why=f"{step.verb}: {error}; nor could it be read ({second})")
        why = f"{step.why}; {error}, but it reads back as wished" if is_done else f"{step.verb}: {error}"
        return replace(step, verb=step.verb if is_done else ScheduleVerb.FAILED, why=why)


async def _write(api: CircleCIAPI, step: ScheduleStep) -> ScheduleStep:
    if step.verb is ScheduleVerb.DELETE and step.schedule:
        await api.schedules.delete_schedule(step.schedule.id)
        if not await _is_done(api, step):
            raise Permanent("CircleCI took it, but the schedule is still there; delete it by hand")
        return step
    if step.spec is None:
        return step
    written = await write_schedule(api, step.spec, step.schedule.id if step.schedule else None)
    return replace(step, schedule=written)


async def _is_done(api: CircleCIAPI, step: ScheduleStep) -> bool:
    """Return whether a change was made, by a look at the schedule."""
    if step.verb is ScheduleVerb.DELETE and step.schedule:
        try:
            await api.schedules.schedule(step.schedule.id)
        except EndpointNotFound:
            return True
        return False
    there = [one for one in await list_schedules(api, step.project) if one.name == step.name]
    return step.spec is not None and any(not differences(step.spec, one) for one in there)
