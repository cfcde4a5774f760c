"""The times of a schedule in words."""

from datetime import UTC, datetime

import pytest

from service.message.timetable import timetable_words
from service.model.schedules import DAYS, Timetable

WINTER = datetime(2026, 1, 5, tzinfo=UTC)
SUMMER = datetime(2026, 7, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (Timetable(hours=(3,), days=DAYS), "daily 03:00 UTC"),
        (Timetable(hours=(3, 15), days=DAYS[:5]), "mon-fri 03:00, 15:00 UTC"),
        (Timetable(hours=(3,), days=("SUN", "MON")), "mon, sun 03:00 UTC"),
        (Timetable(hours=(3,), month_days=(1, 15)), "day 1, 15 03:00 UTC"),
        (Timetable(hours=(3,), days=DAYS, months=("JUL", "JAN")), "daily 03:00 UTC, in jan, jul"),
        (Timetable(hours=(3,), days=DAYS, per_hour=2), "daily 03:00 UTC, 2 times an hour"),
    ],
)
def test_times_are_told_in_utc(times: Timetable, words: str) -> None:
    assert timetable_words(times, "UTC", WINTER) == words


@pytest.mark.parametrize(
    ("hour", "zone", "now", "shown"),
    [
        (9, "Europe/Oslo", WINTER, "10:00"),
        (9, "Europe/Oslo", SUMMER, "11:00"),
        (23, "Europe/Oslo", WINTER, "00:00 the day after"),
        (2, "America/New_York", WINTER, "21:00 the day before"),
        (5, "America/New_York", WINTER, "00:00"),
        (20, "Asia/Kolkata", WINTER, "01:30 the day after"),
    ],
)
def test_hour_is_shown_in_a_zone_as_its_clock_is_now(hour: int, zone: str, now: datetime, shown: str) -> None:
    words = timetable_words(Timetable(hours=(hour,), days=DAYS), zone, now)

    assert words == f"daily {hour:02}:00 UTC (now {shown} {zone})"
