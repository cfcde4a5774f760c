"""Comparisons of amounts: counts, times and multiples."""

import pytest

from service.routing.comparisons import (
    COMPARED,
    COUNT,
    SECONDS,
    TIMES,
    compile_comparison,
    fits_at_most,
    may_be_at_most,
    parse_amount,
)

UNITS = {"count": tuple(COUNT), "time": tuple(SECONDS), "times": tuple(TIMES)}


@pytest.mark.parametrize(
    ("kind", "written", "beyond", "within"),
    [
        ("count", ">= 3", 3, 2),
        ("count", "3", 3, 4),
        ("count", "= 3", 3, 2),
        ("time", "> 20m", 1_200.001, 1_200),
        ("time", ">20m", 1_200.001, 1_200),
        ("time", ">= 20m", 1_200, 1_199.999),
        ("time", "< 90s", 89.999, 90),
        ("time", "<= 1m 30s", 90, 90.001),
        ("time", "> 1h30m", 5_400.001, 5_400),
        ("time", "> 1 h 30 min", 5_400.001, 5_400),
        ("time", "< 2 min 05 s", 124.999, 125),
        ("time", ">= 3 days", 259_200, 259_199),
        ("time", "> 1.5h", 5_400.001, 5_400),
        ("time", "> 1d", 86_401, 86_400),
        ("times", "> 1.5x", 1.51, 1.5),
        ("times", "<= 0.5 x", 0.5, 0.51),
    ],
)
def test_an_amount_is_beyond_a_limit_or_not(kind: str, written: str, beyond: float, within: float) -> None:
    for units in (UNITS[kind], COMPARED):
        compare = compile_comparison(written, units)

        assert compare(beyond)
        assert not compare(within)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("count", "> 3m"),
        ("count", ">"),
        ("count", ""),
        ("count", "many"),
        *(
            ("time", one)
            for one in (
                "20m",
                "> 20",
                "> m",
                ">> 20m",
                "> -1m",
                "> 20 apples",
                "> 20 mins",
                "> 850 ms",
                "> 1 month",
                "",
                "> 1.5x",
                "= 20m",
            )
        ),
        *(("time", one) for one in ("> 20m 10m", "> 1h, 30m", "> 20m!", "> 1e3m", "> \u0662m", "*", "> 20m\n> 3m")),
        *(("times", one) for one in ("> 1.5", "1.5x", "> x", "> 20m", "> 1x 2x")),
    ],
)
def test_other_texts_are_refused_with_an_example(kind: str, written: str) -> None:
    example = {"count": ">= 3", "time": "> 20m", "times": "> 1.5x"}[kind]

    with pytest.raises(ValueError, match=f"is no comparison; write it like '{example}'"):
        compile_comparison(written, UNITS[kind])


def test_an_amount_alone_is_read_too() -> None:
    assert parse_amount("1h 30m", UNITS["time"]) == 5_400
    assert parse_amount(" 1.7x ", UNITS["times"]) == 1.7
    assert parse_amount("> 20m", UNITS["time"]) is None


@pytest.mark.parametrize(
    ("written", "most", "is_certain", "may_be"),
    [
        ("> 20m", 1_800, False, True),
        ("> 20m", 1_200, False, False),
        (">= 20m", 1_200, False, True),
        ("< 20m", 600, True, True),
        ("<= 20m", 1_200, True, True),
        ("< 20m", 1_800, False, True),
    ],
)
def test_of_an_amount_up_to_a_limit_only_what_is_certain_fits(
    written: str, most: float, is_certain: bool, may_be: bool
) -> None:
    assert fits_at_most(written, UNITS["time"])(most) is is_certain
    assert may_be_at_most(written, UNITS["time"])(most) is may_be
