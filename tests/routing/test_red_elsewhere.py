"""Failures that others have too."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.routing.red_elsewhere import Sighting, red_elsewhere

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FAILURE = ("unit", "f1")


def sighting(**values: Any) -> Sighting:
    known: dict[str, Any] = {"failure": FAILURE, "branch": "other", "author": "bob", "at": NOW - timedelta(hours=1)}
    given = known | values
    return Sighting(since=given["at"], **given)


MAIN = sighting(branch="main", author="ada", is_newest_default=True)


@pytest.mark.parametrize(
    ("sightings", "found"),
    [
        ([MAIN], MAIN),
        ([sighting(), MAIN], MAIN),
        ([sighting()], sighting()),
        ([sighting(author="ada")], None),  # the same author may have brought it there
        ([sighting(author=None)], None),
        ([sighting(at=NOW - timedelta(days=7))], sighting(at=NOW - timedelta(days=7))),
        ([sighting(at=NOW - timedelta(days=7, seconds=1))], None),
        ([sighting(at=NOW + timedelta(hours=1))], None),
        ([sighting(branch="mine")], None),
        ([sighting(failure=("unit", "f2"))], None),
        ([sighting(failure=("lint", "f1"))], None),
        ([], None),
    ],
)
def test_a_failure_is_red_elsewhere_too(sightings: list[Sighting], found: Sighting | None) -> None:
    assert red_elsewhere([FAILURE], sightings, branch="mine", author="ada", now=NOW) == found
    assert red_elsewhere([FAILURE], sightings[::-1], branch="mine", author="ada", now=NOW) == found
