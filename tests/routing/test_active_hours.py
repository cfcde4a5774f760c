"""Active hours: what the clock on the wall shows, also when it is put forward or back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import ActiveHours
from service.routing.active_hours import is_active, next_active

WEEKDAYS = (0, 1, 2, 3, 4)
OFFICE = ActiveHours(days=WEEKDAYS, spans=((8 * 60, 18 * 60),), timezone="Europe/Oslo")
SUNDAY_NIGHT = ActiveHours(days=(6,), spans=((135, 165),), timezone="Europe/Oslo")
NIGHTS = ActiveHours(days=WEEKDAYS, spans=((22 * 60, 6 * 60),), timezone="Europe/Oslo")


def local(text: str, zone: str = "Europe/Oslo", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(begin: str, end: str, zone: str) -> ActiveHours:
    first, last = (int(time[:2]) * 60 + int(time[3:]) for time in (begin, end))
    return ActiveHours(spans=((first, last),), timezone=zone)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-02T07:59", False),
        ("2026-03-02T08:00", True),
        ("2026-03-02T17:59", True),
        ("2026-03-02T18:00", False),
        ("2026-03-07T12:00", False),  # a Saturday
    ],
)
def test_hours_begin_at_their_first_minute_and_end_before_the_last(time: str, expected: bool) -> None:
    assert is_active(OFFICE, local(time)) is expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-06T23:00", True),  # a Friday
        ("2026-03-07T05:59", True),  # still Friday's
        ("2026-03-07T06:00", False),
        ("2026-03-07T23:00", False),
        ("2026-03-09T05:00", False),  # Monday morning is of Sunday
        ("2026-03-09T22:00", True),
    ],
)
def test_hours_over_midnight_are_of_the_day_on_which_they_begin(time: str, expected: bool) -> None:
    assert is_active(NIGHTS, local(time)) is expected


@pytest.mark.parametrize(
    ("hours", "time", "begins"),
    [
        (OFFICE, local("2026-03-02T12:00"), local("2026-03-02T12:00")),
        (OFFICE, local("2026-03-02T05:00"), local("2026-03-02T08:00")),
        (OFFICE, local("2026-03-06T18:00"), local("2026-03-09T08:00")),
        (NIGHTS, local("2026-03-07T06:00"), local("2026-03-09T22:00")),
        # the clock is put forward on 2026-03-29 at 02:00, and back on 2026-10-25 at 03:00: both are Sundays
        (OFFICE, local("2026-03-27T19:00"), datetime(2026, 3, 30, 6, tzinfo=UTC)),
        (OFFICE, local("2026-10-23T19:00"), datetime(2026, 10, 26, 7, tzinfo=UTC)),
        (at("08:00", "18:00", "Europe/Oslo"), local("2026-03-28T19:00"), datetime(2026, 3, 29, 6, tzinfo=UTC)),
        (at("08:00", "18:00", "Europe/Oslo"), local("2026-10-24T19:00"), datetime(2026, 10, 25, 7, tzinfo=UTC)),
        # a begin that is left out, and one that comes twice
        (at("02:30", "06:00", "Europe/Oslo"), local("2026-03-29T01:00"), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (at("02:30", "02:45", "Europe/Oslo"), local("2026-10-25T01:00"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (at("02:30", "02:45", "Europe/Oslo"), local("2026-10-25T02:50"), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        # the clock goes back into hours that had ended
        (at("01:00", "02:30", "Europe/Oslo"), local("2026-10-25T02:45"), datetime(2026, 10, 25, 1, tzinfo=UTC)),
        # the only hours of a week, left out
        (SUNDAY_NIGHT, local("2026-03-23T12:00"), local("2026-04-05T02:15")),
        # half hours, and a change of half an hour: Lord Howe puts the clock forward on 2026-10-04 at 02:00
        (at("09:00", "17:00", "Asia/Kolkata"), utc("2026-03-02T00:00"), utc("2026-03-02T03:30")),
        (at("02:15", "05:00", "Australia/Lord_Howe"), utc("2026-10-03T15:00"), utc("2026-10-03T15:30")),
    ],
)  # fmt: skip
def test_quiet_hours_end_at_the_next_active_minute(hours: ActiveHours, time: datetime, begins: datetime) -> None:
    assert next_active(hours, time) == begins


HOURS = st.builds(
    ActiveHours,
    days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    spans=st.tuples(st.integers(0, 95), st.integers(0, 95))
    .filter(lambda span: span[0] != span[1])
    .map(lambda span: ((span[0] * 15, span[1] * 15),)),
    timezone=st.sampled_from(
        ["UTC", "Europe/Oslo", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
    ),
)
CHANGES = [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)]


@given(HOURS, st.sampled_from(CHANGES), st.integers(-96, 96))
def test_no_active_quarter_of_an_hour_is_passed_over(hours: ActiveHours, day: datetime, quarters: int) -> None:
    time = day + quarters * timedelta(minutes=15)

    begin = next_active(hours, time)

    assert is_active(hours, begin)
    while time < begin:
        assert not is_active(hours, time)
        time += timedelta(minutes=15)
