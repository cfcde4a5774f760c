"""Usual durations, and limits of them."""

import pytest

from service.routing.durations import UsualDuration, parse_duration_limit, parse_times_limit, usual_duration


def test_the_usual_duration_is_the_median_of_the_last_thirty_greens() -> None:
    newest_first = [*range(1, 31), *([10_000] * 100)]

    assert usual_duration(newest_first) == UsualDuration(median_ms=16, p95_ms=29, runs=30)


def test_a_branch_with_few_greens_takes_those_of_the_default_branch() -> None:
    assert usual_duration([1, 1, 1, 1], [5] * 5) == UsualDuration(median_ms=5, p95_ms=5, runs=5)
    assert usual_duration([1] * 5, [5] * 5) == UsualDuration(median_ms=1, p95_ms=1, runs=5)
    assert usual_duration([1] * 4, [5] * 4) is None


@pytest.mark.parametrize(
    ("written", "beyond", "within"),
    [
        ("> 20m", 1_200_001, 1_200_000),
        (">20m", 1_200_001, 1_200_000),
        (">= 20m", 1_200_000, 1_199_999),
        ("< 90s", 89_999, 90_000),
        ("<= 1m 30s", 90_000, 90_001),
        ("> 1h30m", 5_400_001, 5_400_000),
        ("> 1.5h", 5_400_001, 5_400_000),
    ],
)
def test_a_duration_is_beyond_a_limit_or_not(written: str, beyond: int, within: int) -> None:
    limit = parse_duration_limit(written)

    assert limit is not None
    assert limit.fits(beyond)
    assert not limit.fits(within)


@pytest.mark.parametrize("written", ["20m", "> 20", "> m", ">> 20m", "> -1m", "> 20 apples", "", "> 1.5x", "= 20m"])
def test_other_texts_are_no_limits_of_durations(written: str) -> None:
    assert parse_duration_limit(written) is None


def test_a_multiple_of_the_usual_is_written_with_an_x() -> None:
    limit = parse_times_limit("> 1.5x")

    assert limit is not None
    assert limit.fits(1.51)
    assert not limit.fits(1.5)
    assert [parse_times_limit(text) for text in ("> 1.5", "1.5x", "> x", "> 20m")] == [None] * 4
