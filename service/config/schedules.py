"""The schedules of projects at CircleCI, under ``schedules:`` of roundsman.yaml."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from service.config.active_hours import timezone_name
from service.config.shapes import Shape, suggest
from service.model.schedules import DAYS, MONTHS, ScheduleSpec, Timetable

Value = str | bool | int


def parameter_value(written: object) -> Value:
    """Return the value of a pipeline parameter.

    True, false and whole numbers are read as such, all else as text. A text that looks like one of them is written in
    double quotes of its own: ``'"3"'``. Raises ValueError.
    """
    if isinstance(written, dict | list):
        raise ValueError("must be a text, a whole number, true or false")  # noqa: TRY004 - pydantic expects this kind
    try:
        value = json.loads(str(written))
    except ValueError:
        return str(written)
    return value if isinstance(value, bool | int | str) else str(written)


Values = dict[str, Annotated[Value, BeforeValidator(parameter_value)]]


def _numbers(first: int, last: int, noun: str) -> Any:
    """Return a reader of a number or a list of numbers within limits."""

    def read(written: object) -> tuple[int, ...]:
        items = [str(item) for item in (written if isinstance(written, list) else [written])]
        for item in items:
            if not re.fullmatch("[0-9]{1,2}", item) or not first <= int(item) <= last:
                raise ValueError(f"{item} is not {noun}; write numbers from {first} to {last}, such as [{first}]")
        if not items:
            raise ValueError(f"is empty; write numbers from {first} to {last}, such as [{first}]")
        return tuple(sorted(set(map(int, items))))

    return BeforeValidator(read)


def _names(known: Sequence[str], noun: str) -> Any:
    """Return a reader of a name or a list of names, in CircleCI's order."""
    names = tuple(one.lower() for one in known)

    def read(written: object) -> tuple[str, ...]:
        items = [str(item).upper() for item in (written if isinstance(written, list) else [written])]
        for item in items:
            if item not in known:
                raise ValueError(f"{item.lower()} is not {noun}; {suggest(item.lower(), names)}")
        if not items:
            raise ValueError(f"is empty; write {noun} such as [{known[0].lower()}], or leave the key out")
        return tuple(sorted(set(items), key=known.index))

    return BeforeValidator(read)


def _slug(slug: str) -> str:
    parts = slug.split("/")
    if len(parts) != 3 or not all(parts) or any(mark in slug for mark in "*?[]! "):
        raise ValueError(f"{slug} is not the slug of one project; write it as CircleCI does, like gh/acme/web")
    return slug


class ScheduleShape(Shape):
    """A schedule that CircleCI should have at a project; its hours are in UTC."""

    project: Annotated[str, AfterValidator(_slug)]
    name: str = Field(min_length=1, max_length=100)
    hours: Annotated[tuple[int, ...], _numbers(0, 23, "an hour of the day, in UTC")]
    days: Annotated[tuple[str, ...], _names(DAYS, "a day of the week")] = ()
    days_of_month: Annotated[tuple[int, ...], _numbers(1, 31, "a day of the month")] = ()
    months: Annotated[tuple[str, ...], _names(MONTHS, "a month")] = ()
    per_hour: int = Field(default=1, ge=1, le=60)
    branch: str | None = Field(default=None, min_length=1)
    tag: str | None = Field(default=None, min_length=1)
    parameters: Values = Field(default_factory=dict)
    description: str = Field(default="", max_length=300)
    actor: Literal["system", "current"] = "system"
    timezone: Annotated[str, Field(min_length=1), AfterValidator(timezone_name)] = "UTC"

    @model_validator(mode="after")
    def _is_whole(self) -> "ScheduleShape":
        if self.days and self.days_of_month:
            raise ValueError("has days and days_of_month, and CircleCI takes one of them; leave one out")
        if bool(self.branch) == bool(self.tag):
            raise ValueError("needs a branch or a tag, and not both; write branch: main")
        if taken := sorted({"branch", "tag"} & set(self.parameters)):
            raise ValueError(f"has {taken[0]} among its parameters; write it beside them, as {taken[0]}:")
        return self


def to_schedules(shapes: Sequence[ScheduleShape]) -> tuple[ScheduleSpec, ...]:
    """Return the schedules."""
    return tuple(map(_to_schedule, shapes))


def _to_schedule(shape: ScheduleShape) -> ScheduleSpec:
    days = shape.days if shape.days or shape.days_of_month else DAYS
    place = {"tag": shape.tag} if shape.tag else {"branch": shape.branch}
    return ScheduleSpec(
        project=shape.project,
        name=shape.name,
        timetable=Timetable(
            hours=shape.hours,
            days=days,
            month_days=shape.days_of_month,
            months=shape.months,
            per_hour=shape.per_hour,
        ),
        parameters={**shape.parameters, **place},
        description=shape.description,
        actor=shape.actor,
        timezone=shape.timezone,
    )
