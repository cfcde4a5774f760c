"""Retry-After as servers send it, and as nobody should."""

import random
from datetime import UTC, datetime

import pytest

from service.retry_after import MAX_WAIT_S, read_retry_after, read_wait

NOW = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)
DATE = "Mon, 02 Mar 2026 08:20:30 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("007", 7),
        ("86401", MAX_WAIT_S),
        ("9" * 5_000, MAX_WAIT_S),
        (DATE, 30),
        ("Mon, 02 Mar 2026 08:20:30 -0000", 30),
        ("Mon, 02 Mar 2026 08:20:30", 30),
        ("Mon, 02 Mar 2026 09:20:30 +0100", 30),
        ("Monday, 02-Mar-26 08:20:30 GMT", 30),
        ("Mon Mar  2 08:20:30 2026", 30),
        ("Mon, 02 Mar 2026 08:19:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 -1200", MAX_WAIT_S),
        ("Mon, 01 Jan 0001 00:00:00 +1200", 0),
        ("Mon, 01 Jan 9999999999999999 00:00:00 GMT", None),
        ("Mon, 02 Mar 2026 08:20:30 +99999999999999999999", None),
        ("Mon, 02 Mar 2026 08:20:30 +2400", None),
        (DATE + " " * 10 + "x" * 100_000, None),
        ("٣", None),
        ("²", None),
        ("Mon, ٠٢ Mar 2026 08:20:30 GMT", None),
        ("-5", None),
        ("+5", None),
        ("1_0", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_wait_within_a_day_or_nothing(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(("value", "seconds"), [("12", 12), ("9" * 400, MAX_WAIT_S), (DATE, None), ("-1", None)])
def test_a_header_that_counts_seconds_holds_no_date(value: str, seconds: float | None) -> None:
    assert read_wait(value) == seconds


def test_no_mutation_of_a_date_raises_an_error() -> None:
    chance = random.Random(7)
    for _ in range(2_000):
        text = list(DATE)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(text))
            text[place : place + chance.randint(0, 3)] = chance.choice(["9" * 12, "-", "+", ":", "", "\0", "٣", " 0"])
        wait = read_retry_after("".join(text), NOW)
        assert wait is None or 0 <= wait <= MAX_WAIT_S
