"""Schedules at CircleCI in our words, written and read back.

Source: CircleCI API v2 reference, "Schedule". A write names keys with hyphens. CircleCI drops keys that it does not
know and still answers with success, so what was written is read back and compared.
"""

from collections.abc import Sequence

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.schedules import ScheduleShape, TimetableShape
from service.errors import Permanent
from service.model.schedules import DAYS, MONTHS, Schedule, ScheduleSpec, Timetable

MARK = "(managed by Roundsman)"
SYSTEM_LOGIN = "system-actor"


def describe(spec: ScheduleSpec) -> str:
    """Return the description to write, with the mark by which a schedule is ours."""
    return f"{spec.description} {MARK}".strip()


def is_ours(schedule: Schedule) -> bool:
    """Return whether a schedule has our mark in its description."""
    return MARK in schedule.description


def body(spec: ScheduleSpec) -> dict[str, object]:
    """Return the body of a request that makes or changes a schedule."""
    times = spec.timetable
    days = {"days-of-month": list(times.month_days)} if times.month_days else {"days-of-week": list(times.days)}
    return {
        "name": spec.name,
        "description": describe(spec),
        "timetable": {
            "per-hour": times.per_hour,
            "hours-of-day": list(times.hours),
            **days,
            **({"months": list(times.months)} if times.months else {}),
        },
        "parameters": dict(spec.parameters),
        "attribution-actor": spec.actor,
    }


def differences(spec: ScheduleSpec, schedule: Schedule) -> list[str]:
    """Return the differences of a schedule from the one wanted, each as a phrase."""
    found = []
    if schedule.timetable != spec.timetable:
        found.append("times")
    if dict(schedule.parameters) != dict(spec.parameters):
        found.append("parameters")
    if schedule.description != describe(spec):
        found.append("description")
    if schedule.is_system is not None and schedule.is_system is not (spec.actor == "system"):
        found.append(f"runs as {schedule.actor}")
    return found


async def list_schedules(api: CircleCIAPI, project: str) -> Sequence[Schedule]:
    """Return the schedules of a project.

    Raises Permanent if there are too many to read, or Temporary.
    """
    found = await api.schedules.schedules(project)
    if not found.is_last:  # one of ours that we did not see would be made a second time
        raise Permanent(f"CircleCI lists no end of schedules for one project: {len(found.items)} were read")
    return [schedule_of(shape) for shape in found.items]


async def write_schedule(api: CircleCIAPI, spec: ScheduleSpec, schedule_id: str | None) -> Schedule:
    """Make a schedule, or change the one with the id; return it as it reads back.

    Raises Temporary or Permanent; Permanent also if it reads back otherwise than wished.
    """
    if schedule_id is None:
        written = await api.schedules.create_schedule(spec.project, body(spec))
    else:
        written = await api.schedules.update_schedule(schedule_id, body(spec))
    found = schedule_of(await api.schedules.schedule(schedule_of(written).id))
    if wrong := differences(spec, found):
        raise Permanent(
            f"CircleCI took schedule {spec.name}, but it reads back with other {', '.join(wrong)}; "
            "set them by hand, in the project's settings under Triggers"
        )
    return found


def schedule_of(shape: ScheduleShape) -> Schedule:
    """Return a schedule in our words; raise Permanent for one without an id."""
    if shape.id is None:
        raise Permanent("CircleCI described a schedule without an id")
    login = shape.actor.login
    return Schedule(
        id=shape.id,
        name=shape.name or "",
        description=shape.description or "",
        timetable=_timetable(shape.timetable),
        parameters=shape.parameters if isinstance(shape.parameters, dict) else {},
        actor=login or shape.actor.name,
        is_system=login == SYSTEM_LOGIN if login else None,
    )


def _timetable(shape: TimetableShape) -> Timetable:
    days = {day.upper() for day in shape.days_of_week}
    months = {month.upper() for month in shape.months}
    return Timetable(
        hours=tuple(sorted(set(shape.hours_of_day))),
        days=tuple(day for day in DAYS if day in days),
        month_days=tuple(sorted(set(shape.days_of_month))),
        months=tuple(month for month in MONTHS if month in months) if len(months) < len(MONTHS) else (),
        per_hour=shape.per_hour or 1,
    )
