"""Schedules of projects."""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing import sample_runs
from service.testing.fake_circleci.schedules_routes import SYSTEM
from service.testing.fake_circleci.server import FakeCircleCI
from tests.testing.test_fake_circleci import MONDAY

SCHEDULE = {
    *("description", "parameters", "id", "timetable", "updated-at", "name", "created-at", "project-slug", "actor"),
}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "listSchedulesForProject": ("GET", "/project/{project-slug}/schedule", SCHEDULE),
    "createSchedule": ("POST", "/project/{project-slug}/schedule", SCHEDULE),
    "getScheduleById": ("GET", "/schedule/{schedule-id}", SCHEDULE),
    "updateSchedule": ("PATCH", "/schedule/{schedule-id}", SCHEDULE),
    "deleteScheduleById": ("DELETE", "/schedule/{schedule-id}", {"message"}),
}
PRESENT = "a8a6d1c4-0000-4000-8000-000000000002"
BODY: dict[str, Any] = {
    "name": "nightly",
    "description": "Made by Roundsman",
    "timetable": {"per-hour": 1, "hours-of-day": [2], "days-of-week": ["MON", "TUE"]},
    "parameters": {"branch": "main"},
    "attribution-actor": "system",
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    slug = sample_runs.web_main_red(MONDAY).project.slug
    kept = {key: value for key, value in BODY.items() if key != "attribution-actor"}
    times = dict.fromkeys(("created-at", "updated-at"), "2026-03-02T08:00:00Z")
    fake.schedules.registered[PRESENT] = {**kept, **times, "id": PRESENT, "project-slug": slug, "actor": SYSTEM}
    return {
        "schedules": api.schedules.schedules(slug),
        "create_schedule": api.schedules.create_schedule(slug, BODY | {"name": "weekly"}),
        "schedule": api.schedules.schedule(PRESENT),
        "update_schedule": api.schedules.update_schedule(PRESENT, {"name": "every night"}),
        "delete_schedule": api.schedules.delete_schedule(PRESENT),
    }
