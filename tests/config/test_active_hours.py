"""``active:`` and ``urgent:`` of a route in roundsman.yaml."""

from pathlib import Path

import pytest

from service.model import ActiveHours
from tests.support.roundsman_yaml import ROUTE, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        (
            '{days: mon-fri, hours: "08:00-18:00", timezone: Europe/Oslo}',
            ActiveHours(days=(0, 1, 2, 3, 4), spans=((480, 1080),), timezone="Europe/Oslo"),
        ),
        ("{days: [mon, wed-fri]}", ActiveHours(days=(0, 2, 3, 4))),
        ('{days: "mon, wed"}', ActiveHours(days=(0, 2))),
        ("{days: Sat-Mon}", ActiveHours(days=(0, 5, 6))),
        ('{hours: "22:00-06:00"}', ActiveHours(spans=((1320, 360),))),
        ('{hours: ["13:00-24:00", "8:30-12:00"]}', ActiveHours(spans=((510, 720), (780, 1440)))),
        ("{timezone: Asia/Kolkata}", ActiveHours(timezone="Asia/Kolkata")),
    ],
)
def test_hours_are_read_as_they_are_written(file: File, active: str, expected: ActiveHours) -> None:
    [route] = file.load(f"{ROUTE}    active: {active}\n").routes

    assert (route.active, route.is_urgent) == (expected, False)


def test_a_route_is_active_always_unless_it_says_otherwise(file: File) -> None:
    [route] = file.load(f"{ROUTE}    urgent: true\n").routes

    assert (route.active, route.is_urgent) == (None, True)


@pytest.mark.parametrize(
    ("active", "complaint"),
    [
        ("{days: mon-fry}", "fry is not a day; did you mean fri?"),
        ("{days: []}", "must be days, such as mon-fri or [mon, wed]"),
        ("{days: 1}", "1 is not a day; there are mon, tue, wed, thu, fri, sat, sun"),
        ("{days: mon-}", "mon- is not a day; "),
        ("{hours: 8-18}", "8-18 is not hours; write them in quotes as '08:00-18:00', or over midnight '22:00-06:00'"),
        ('{hours: "08:00-24:30"}', "08:00-24:30 is not hours: a day ends at 24:00"),
        ('{hours: "24:00-08:00"}', "24:00-08:00 is not hours: a day ends at 24:00"),
        ('{hours: "08:00-08:00"}', "08:00-08:00 is no time at all; for whole days leave hours out"),
        ("{timezone: Europe/Olso}", "Europe/Olso is not a time zone; write one such as Europe/Oslo, or UTC"),
        ("{timezone: ../../etc/passwd}", "../../etc/passwd is not a time zone; write one such as Europe/Oslo, or UTC"),
        ("{hour: 8}", "is not a key here; did you mean hours?"),
        ("always", "must hold lines of the form key: value"),
    ],
)
def test_a_mistake_is_named_with_the_next_step(file: File, active: str, complaint: str) -> None:
    [found] = file.complaints(f"{ROUTE}    active: {active}\n")

    assert found.startswith("roundsman.yaml:6: route 1: active"), found
    assert complaint in found
