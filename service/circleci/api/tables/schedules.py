"""The endpoints that manage the schedules of projects."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

SCHEDULES: Mapping[str, Endpoint] = {
    "schedules": Endpoint(
        path="/project/{slug}/schedule",
        purpose="the schedules of a project",
        right=Right.READ,
        is_optional=False,
        is_list=True,
        operation="listSchedulesForProject",
    ),
    "create_schedule": Endpoint(
        method="POST",
        path="/project/{slug}/schedule",
        purpose="make a schedule of roundsman.yaml",
        right=Right.WRITE,
        is_optional=False,
        operation="createSchedule",
    ),
    "schedule": Endpoint(
        path="/schedule/{id}",
        purpose="a schedule as it is after it was written",
        right=Right.READ,
        is_optional=False,
        operation="getScheduleById",
    ),
    "update_schedule": Endpoint(
        method="PATCH",
        path="/schedule/{id}",
        purpose="change a schedule of ours",
        right=Right.WRITE,
        is_optional=False,
        operation="updateSchedule",
    ),
    "delete_schedule": Endpoint(
        method="DELETE",
        path="/schedule/{id}",
        purpose="delete a schedule of ours that roundsman.yaml no longer has",
        right=Right.WRITE,
        is_optional=False,
        operation="deleteScheduleById",
    ),
}
