"""Cron expressions: their last time, in a zone, also when its clock is changed."""

from datetime import UTC, datetime, timedelta

import pytest

from service.routing.cron import parse_cron, time_after, time_before


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "at", "expected"),
    [
        ("0 9 * * mon", "UTC", "2026-03-02T09:00", "2026-03-02T09:00"),
        ("0 9 * * mon", "UTC", "2026-03-02T08:59", "2026-02-23T09:00"),
        ("0 9 * * 1", "Europe/Oslo", "2026-03-30T07:00", "2026-03-30T07:00"),  # summer time since the day before
        ("0 9 * * mon-fri", "Europe/Oslo", "2026-03-27T08:00", "2026-03-27T08:00"),
        ("30 2 * * *", "Europe/Oslo", "2026-03-29T12:00", "2026-03-29T01:00"),  # left out: it comes at 03:00
        ("30 2 * * *", "Europe/Oslo", "2026-10-25T12:00", "2026-10-25T00:30"),  # twice: the first
        ("30 2 * * *", "Europe/Oslo", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("30 2 * * *", "Europe/Oslo", "2026-03-29T00:59", "2026-03-28T01:30"),
        ("30 2 * * *", "Europe/Oslo", "2026-10-25T00:30", "2026-10-25T00:30"),
        ("30 2 * * *", "Europe/Oslo", "2026-10-25T01:15", "2026-10-25T00:30"),  # 02:15 again: not yesterday's
        ("30 2 * * *", "Europe/Oslo", "2026-10-25T01:45", "2026-10-25T00:30"),
        ("15 1 * * *", "Australia/Lord_Howe", "2026-04-05T12:00", "2026-04-04T14:15"),  # its clock moves by 30 minutes
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04T12:00", "2026-10-03T15:30"),
        ("0 9 l * *", "UTC", "2026-03-02T00:00", "2026-02-28T09:00"),
        ("0 9 * * mon#1", "UTC", "2026-03-20T00:00", "2026-03-02T09:00"),
        ("*/15 8-9 * * *", "Asia/Kolkata", "2026-03-02T06:00", "2026-03-02T04:15"),
        ("0 0 1,15 * *", "UTC", "2026-03-14T00:00", "2026-03-01T00:00"),
        ("0 0 13 * fri", "UTC", "2026-03-14T00:00", "2026-03-13T00:00"),
        ("0 0 1 * fri", "UTC", "2026-03-11T00:00", "2026-03-06T00:00"),  # either fits
        ("0 0 29 feb *", "UTC", "2026-03-01T00:00", "2024-02-29T00:00"),
        ("0 12 * * 7", "UTC", "2026-03-02T00:00", "2026-03-01T12:00"),
        ("5/20 12 * * *", "UTC", "2026-03-02T23:00", "2026-03-02T12:45"),
    ],
)
def test_the_last_time_up_to_a_time(cron: str, zone: str, at: str, expected: str) -> None:
    assert time_before(parse_cron(cron), zone, utc(at)) == utc(expected)


@pytest.mark.parametrize(
    "cron",
    [
        *("", "0 9 * *", "0 9 * * mon tue", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * foo *", "5-1 * * * *"),
        *("*/0 * * * *", "0 0 30 feb *", "x * * * *", "1,,2 * * * *", "@daily", "* * * * 8", "\u0663 * * * *"),
    ],
)
def test_what_is_no_expression_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_cron(cron)


@pytest.mark.parametrize(
    ("cron", "zone", "at", "expected"),
    [
        ("0 9 * * mon", "UTC", "2026-03-02T08:59", "2026-03-02T09:00"),
        ("0 9 * * mon", "UTC", "2026-03-02T09:00", "2026-03-09T09:00"),
        ("30 2 * * *", "Europe/Oslo", "2026-03-28T12:00", "2026-03-29T01:00"),  # left out: it comes at 03:00
        ("30 2 * * *", "Europe/Oslo", "2026-10-25T00:30", "2026-10-26T01:30"),  # twice: the second does not count
        ("0 0 29 feb *", "UTC", "2024-02-29T00:00", "2028-02-29T00:00"),
        ("30 2 * * *", "Europe/Oslo", "2026-10-25T01:15", "2026-10-26T01:30"),  # 02:15 again: not that of before
        ("30 2 * * *", "Europe/Oslo", "2026-03-29T00:59", "2026-03-29T01:00"),
        ("30 2 * * *", "Europe/Oslo", "2026-03-29T01:00", "2026-03-30T00:30"),
        ("*/15 8-9 * * *", "Asia/Kolkata", "2026-03-02T04:15", "2026-03-03T02:30"),
    ],
)
def test_the_first_time_after_a_time(cron: str, zone: str, at: str, expected: str) -> None:
    found = time_after(parse_cron(cron), zone, utc(at))

    assert found == utc(expected)
    assert time_before(parse_cron(cron), zone, found - timedelta(minutes=1)) <= utc(at)
