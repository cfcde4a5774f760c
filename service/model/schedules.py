"""Schedules at CircleCI: the times at which a project's pipeline runs by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """The times of a schedule, in UTC.

    days        of the week, such as ``MON``; or ``month_days``, of the month
    months      such as ``JAN``; none: all
    per_hour    how often within each of the hours
    """

    hours: tuple[int, ...]
    days: tuple[str, ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[str, ...] = ()
    per_hour: int = 1


@dataclass(frozen=True, kw_only=True)
class ScheduleSpec:
    """A schedule that roundsman.yaml wants at a project.

    parameters   of the pipeline, with its branch or tag
    actor        who starts it: ``system``, or ``current``, the owner of the token
    timezone     in which the hours are shown too; they are in UTC
    """

    project: str
    name: str
    timetable: Timetable
    parameters: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    actor: str = "system"
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule as CircleCI has it.

    is_system   CircleCI starts it, and no user; None: it does not say
    """

    id: str
    name: str
    description: str
    timetable: Timetable
    parameters: Mapping[str, object]
    actor: str | None
    is_system: bool | None
