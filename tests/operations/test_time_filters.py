"""Times as people type them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.errors import BadRequest
from service.operations.time_filters import to_later_time, to_time

NOW = datetime(2026, 3, 2, 9, 30, 15, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("now", NOW),
        ("today", datetime(2026, 3, 2, tzinfo=UTC)),
        (" Yesterday ", datetime(2026, 3, 1, tzinfo=UTC)),
        ("30s", NOW - timedelta(seconds=30)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2W", NOW - timedelta(weeks=2)),
        ("1d12h30m", NOW - timedelta(days=1, hours=12, minutes=30)),
        ("7 d", NOW - timedelta(days=7)),
        ("1 h 30 min", NOW - timedelta(hours=1, minutes=30)),
        ("2 min 05 s", NOW - timedelta(minutes=2, seconds=5)),
        ("3 Days", NOW - timedelta(days=3)),
        ("0d", NOW),
        ("20000d", NOW - timedelta(days=20_000)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T08:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T08:00:00+02:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_people_mean_it(written: str, time: datetime) -> None:
    assert to_time(written, NOW) == time


def test_today_begins_at_midnight_utc_wherever_the_clock_is() -> None:
    now = datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=5)))

    assert to_time("today", now) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        *("", "someday", "last week", "7", "d", "-7d", "+7d", "850 ms", "7 dd", "7y", "1.5h", "7d ago", "7d7d", "1m1m"),
        *("36501d", "999999999w", "9999999999d", "1s" * 6, "\N{ARABIC-INDIC DIGIT SEVEN}d", "0001-01-01T00:00+23:00"),
        *("2026-02-30", "2026-03-01T25:00", "9" * 5_000, "tomorrow"),
    ],
)
def test_any_other_is_refused_with_examples(written: str) -> None:
    with pytest.raises(BadRequest, match=r"write 2026-11-22, .*7d, 1h30m, yesterday, today or now"):
        to_time(written, NOW)


@pytest.mark.parametrize("written", ["36500d", "1969-12-31", "2100-01-01"])
def test_a_time_of_no_build_is_refused(written: str) -> None:
    with pytest.raises(BadRequest, match="is not a time of a build; years from 1970 to 2099 are"):
        to_time(written, NOW)


@pytest.mark.parametrize(
    "written", ["", "yesterday", "today", "2h2h", "tomorrow", "99999d", "1969-12-31", "2100-01-01"]
)
def test_a_wrong_time_to_come_is_refused_with_examples_of_such(written: str) -> None:
    with pytest.raises(BadRequest, match=r"write 2h, 1d12h, 2026-11-22 or 2026-11-22T09:30:00Z") as refused:
        to_later_time(written, NOW)

    assert "ago" not in str(refused.value)


def test_a_time_to_come_is_a_duration_or_a_time() -> None:
    assert to_later_time("1d12h", NOW) == NOW + timedelta(hours=36)
    assert to_later_time("2026-03-03", NOW) == datetime(2026, 3, 3, tzinfo=UTC)
