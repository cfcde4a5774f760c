"""The window of a month that CircleCI can be asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from service.errors import BadConfig
from service.pipeline.fetching.usage_export import MARGIN, OLDEST, window_of

NOW = datetime(2026, 11, 22, 12, 30, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # reason: the parts of a date and time


def test_month_that_is_over_is_asked_for_as_a_whole() -> None:
    window = window_of("2026-10", NOW)

    assert (window.start, window.end) == (at(2026, 10, 1), at(2026, 10, 31, 23, 59, 59))
    assert window.end_of_month == window.end


def test_current_month_is_asked_for_until_a_minute_ago() -> None:
    window = window_of("2026-11", NOW)

    assert (window.start, window.end) == (at(2026, 11, 1), at(2026, 11, 22, 12, 29, 15))
    assert window.end_of_month == at(2026, 11, 30, 23, 59, 59)


def test_oldest_month_is_asked_for_from_the_first_whole_hour_that_circleci_keeps() -> None:
    window = window_of("2025-11", NOW)

    assert (window.start, window.end) == (at(2025, 11, 21, 14), at(2025, 11, 30, 23, 59, 59))


@pytest.mark.parametrize(("beyond", "is_known"), [(timedelta(), True), (SECOND, False)])
def test_month_is_too_old_once_its_last_second_is(beyond: timedelta, *, is_known: bool) -> None:
    now = at(2025, 10, 31, 23, 59, 59) + OLDEST - MARGIN + beyond
    if is_known:
        assert window_of("2025-10", now).end_of_month == at(2025, 10, 31, 23, 59, 59)
    else:
        with pytest.raises(BadConfig, match="the oldest is 2025-11"):
            window_of("2025-10", now)


@pytest.mark.parametrize(("seconds", "is_known"), [(60, True), (59, False)])
def test_month_is_known_a_minute_after_its_begin(seconds: int, *, is_known: bool) -> None:
    now = at(2026, 12, 1) + seconds * SECOND
    if is_known:
        assert window_of("2026-12", now).start == at(2026, 12, 1)
    else:
        with pytest.raises(BadConfig, match="has not begun"):
            window_of("2026-12", now)


@pytest.mark.parametrize("written", ["2026-13", "2026-00", "1999-10", "2026-1", "2026-10-01", "october"])
def test_what_is_no_month_is_refused(written: str) -> None:
    with pytest.raises(BadConfig, match="is not a month"):
        window_of(written, NOW)
