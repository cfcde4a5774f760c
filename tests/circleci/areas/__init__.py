"""The areas of CircleCI's API: the operations of each, and a call of each.

Each is a module with two things. ``OPERATIONS``: method, path and the fields of the answer as CircleCI describes
them, by operation; of a list the fields are those of an item. ``calls``: a call of each endpoint, by its name, against
the fake CircleCI, which then answers with success.
"""

from collections.abc import Awaitable, Mapping
from types import ModuleType
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas import (
    actions,
    artifacts,
    builds,
    exporters,
    hooks,
    insights,
    organizations,
    schedules,
    settings,
    usage,
)

AREAS: tuple[ModuleType, ...] = (
    builds,
    artifacts,
    exporters,
    hooks,
    insights,
    organizations,
    settings,
    usage,
    actions,
    schedules,
)

Operations = Mapping[str, tuple[str, str, set[str]]]


def operations() -> dict[str, tuple[str, str, set[str]]]:
    """Return the operations of all areas."""
    return {name: operation for area in AREAS for name, operation in area.OPERATIONS.items()}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of all areas."""
    return {name: call for area in AREAS for name, call in area.calls(api, fake).items()}
