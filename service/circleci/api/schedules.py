"""Schedules of projects, which API v2 alone has.

Keys are written with hyphens, and read in both spellings. Source: CircleCI API v2 reference, "Schedule".
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.json_fields import Number, Shape, Text, Texts, read_number


def read_numbers(value: object) -> tuple[int, ...]:
    """Return the numbers of a list, without what is none."""
    items = value if isinstance(value, list) else []
    return tuple(number for item in items if (number := read_number(item)) is not None)


Numbers = Annotated[tuple[int, ...], BeforeValidator(read_numbers)]


class TimetableShape(Shape):
    """The times of a schedule, in UTC."""

    per_hour: Number = None
    hours_of_day: Numbers = ()
    days_of_week: Texts = ()
    days_of_month: Numbers = ()
    months: Texts = ()


class ScheduleActor(Shape):
    """The user in whose name a schedule runs."""

    id: Text = None
    login: Text = None
    name: Text = None


class ScheduleShape(Shape):
    """A schedule. The values of its parameters are open."""

    id: Text = None
    name: Text = None
    description: Text = None
    timetable: TimetableShape = TimetableShape()
    parameters: Any = None
    actor: ScheduleActor = ScheduleActor()


class SchedulesAPI:
    """The schedules of one CircleCI."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def schedules(self, slug: str) -> Page[ScheduleShape]:
        """Return the schedules of a project; all pages are read as one."""
        return await self._client.read_list(Call(endpoint=ENDPOINTS["schedules"], parts={"slug": slug}), ScheduleShape)

    async def create_schedule(self, slug: str, body: Mapping[str, object]) -> ScheduleShape:
        """Make a schedule, and return it as CircleCI made it."""
        call = Call(endpoint=ENDPOINTS["create_schedule"], parts={"slug": slug}, body=body)
        return await self._client.ask(call, ScheduleShape)

    async def schedule(self, schedule_id: str) -> ScheduleShape:
        """Return a schedule."""
        return await self._client.ask(Call(endpoint=ENDPOINTS["schedule"], parts={"id": schedule_id}), ScheduleShape)

    async def update_schedule(self, schedule_id: str, body: Mapping[str, object]) -> ScheduleShape:
        """Change a schedule; keys that the body leaves out stay as they are."""
        call = Call(endpoint=ENDPOINTS["update_schedule"], parts={"id": schedule_id}, body=body)
        return await self._client.ask(call, ScheduleShape)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Delete a schedule."""
        await self._client.send(Call(endpoint=ENDPOINTS["delete_schedule"], parts={"id": schedule_id}))
