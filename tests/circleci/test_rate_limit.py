"""The wait that CircleCI asks for in its headers."""

from datetime import UTC, datetime

import pytest

from service.circleci.api.rate_limit import calls_left, read_retry_after, wait_after

NOW = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("31536000", 3600),
        ("Mon, 02 Mar 2026 08:20:30 GMT", 30),
        ("Mon, 02 Mar 2026 08:20:30 -0000", 30),
        ("Mon, 02 Mar 2026 08:19:00 GMT", 0),
        ("Tue, 02 Mar 2027 08:20:00 GMT", 3600),
        ("9" * 400, 3600),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("\u0663", None),
        ("1_0", None),
        ("soon", None),
        ("nan", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_believed_up_to_an_hour(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7", "ratelimit-reset": "3"}, 7),
        ({"ratelimit-reset": "30", "x-ratelimit-reset-minute": "20"}, 20),
        ({"x-ratelimit-reset": "40", "x-ratelimit-reset-hour": "900"}, 40),
        ({"x-ratelimit-reset-second": "1", "x-ratelimit-remaining-second": "5",
          "x-ratelimit-reset-hour": "900", "x-ratelimit-remaining-hour": "0"}, 900),
        ({"ratelimit-reset": "later"}, 10),
        ({"x-ratelimit-reset": "9" * 400}, 3600),
        ({"x-ratelimit-reset": "-5"}, 10),
        ({"x-ratelimit-reset": "\u0663"}, 10),
        ({"retry-after": "soon"}, 10),
        ({"ratelimit": '"default";r=0;t=25'}, 25),
        ({"ratelimit": '"burst";r=3;t=2, "day";r=0;t=80'}, 80),
        ({"ratelimit": '"burst";r=3;t=2', "retry-after": "7"}, 7),
        ({"ratelimit": '"default";r=0', "ratelimit-policy": '"default";q=100;w=60'}, 60),
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, 30),
        ({"ratelimit": '"default";r=0;t=soon'}, 10),
        ({"ratelimit": '"default";r=0;t=' + "9" * 400}, 10),
        ({"ratelimit": '"t=5";r=0'}, 10),
        ({"ratelimit": ";" * 5_000}, 10),
        ({}, 10),
    ],
)  # fmt: skip
def test_wait_after_too_many_calls_is_from_the_best_header(headers: dict[str, str], seconds: float) -> None:
    assert wait_after(429, headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12),
        ({"x-ratelimit-remaining-day": "0", "x-ratelimit-reset-day": "80000"}, 3600),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "12"}, None),
        ({"ratelimit-reset": "12"}, None),
        ({"ratelimit": '"default";r=0;t=12', "ratelimit-policy": '"default";q=100;w=60'}, 12),
        ({"ratelimit": ' "default" ; r=0 ; t=12 '}, 12),
        ({"ratelimit": '"default";r=1;t=12'}, None),
        ({"ratelimit": '"default";t=12'}, None),
        ({"ratelimit": '"default";r=0'}, None),
        ({"ratelimit-policy": '"default";q=0;w=60'}, None),
        ({"ratelimit": '"a";r=9;t=2, "b";r=0;t=99999'}, 3600),
        ({"ratelimit-remaining": "0"}, None),
        ({}, None),
    ],
)
def test_a_success_that_used_up_a_limit_asks_for_a_wait_too(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_after(200, headers, NOW) == seconds


def test_of_two_limits_that_are_used_up_the_lower_wait_applies() -> None:
    minute = {"x-ratelimit-remaining-minute": "0", "x-ratelimit-reset-minute": "30"}
    hour = {"x-ratelimit-remaining-hour": "0", "x-ratelimit-reset-hour": "900"}

    assert wait_after(200, hour | minute, NOW) == wait_after(200, minute | hour, NOW) == 30


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "30", "x-ratelimit-reset": "5"}, (30, 100)),
        ({"ratelimit": '"a";r=50;t=30, "b";r=1;t=5', "ratelimit-policy": '"a";q=100;w=60, "b";q=10;w=60'}, (1, 10)),
        ({"x-ratelimit-reset": "5"}, None),
        ({"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"}, None),
        ({"ratelimit": "x" * 10_000}, None),
        ({}, None),
    ],
)
def test_the_calls_left_are_those_of_the_tightest_limit(headers: dict[str, str], left: tuple[int, int] | None) -> None:
    assert calls_left(headers) == left
