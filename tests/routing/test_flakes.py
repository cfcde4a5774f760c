"""Flaky tests: contradictions, flips, rates and their doubt."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from service.routing.flakes import (
    EPOCH,
    TestResult,
    break_rate,
    chance_of_flake,
    contradictions,
    flake_rate,
    flakes_by_rate,
    flip_rate,
    flips_often,
    guard_remark,
    is_contradicted,
    is_listed_by_flips,
    judge_flakiness,
    wilson_lower_bound,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def result(revision: str | None, outcome: str, *, ago: timedelta = HOUR, place: int = 0) -> TestResult:
    return TestResult(
        at=NOW - ago,
        revision=revision,
        failed=outcome == "F",
        is_default_branch=True,
        place=(place, EPOCH, UUID(int=0)),
    )


def outcomes(written: str) -> list[TestResult]:
    """Results of the default branch, oldest first, each of another revision."""
    return [
        result(str(number), outcome, ago=HOUR * (len(written) - number), place=number)
        for number, outcome in enumerate(written)
    ]


def fails(written: str) -> list[bool]:
    return [outcome == "F" for outcome in written]


def test_a_revision_with_both_outcomes_is_a_contradiction() -> None:
    both = [result("a", "F", ago=2 * HOUR), result("a", "P", ago=HOUR)]

    assert contradictions(both) == [NOW - HOUR]
    assert is_contradicted(both, NOW)


def test_contradiction_counts_from_its_end_in_whichever_order_results_are_read() -> None:
    both = [result("a", "P", ago=20 * DAY), result("a", "F", ago=21 * DAY)]
    later = [result(str(number), "P", ago=DAY * 19 * (100 - number) / 100) for number in range(100)]

    for results in ([*both, *later], [*later, *both], list(reversed([*both, *later]))):
        assert not is_contradicted(results, NOW)
        assert is_contradicted(results[1:], NOW) is (results[1:].count(both[0]) + results[1:].count(both[1]) == 2)


@pytest.mark.parametrize(
    "results",
    [
        [result("a", "F"), result("b", "P")],
        [result("a", "F"), result("a", "F")],
        [result(None, "F"), result(None, "P")],
        [],
    ],
)
def test_different_revisions_or_equal_outcomes_contradict_nothing(results: list[TestResult]) -> None:
    assert not is_contradicted(results, NOW)


def test_a_contradiction_counts_for_14_days_and_100_runs() -> None:
    """It leaves after whichever is later."""

    def with_runs(count: int, age: timedelta) -> list[TestResult]:
        old = [result("a", "F", ago=age + HOUR), result("a", "P", ago=age)]
        return [*old, *(result(f"r{number}", "P", ago=HOUR) for number in range(count))]

    assert is_contradicted(with_runs(0, 15 * DAY), NOW)
    assert is_contradicted(with_runs(99, 15 * DAY), NOW)
    assert not is_contradicted(with_runs(100, 15 * DAY), NOW)
    assert is_contradicted(with_runs(500, 14 * DAY), NOW)
    assert not is_contradicted(with_runs(500, 14 * DAY + HOUR), NOW)


def test_what_happens_later_is_not_known_yet() -> None:
    later = [result("a", "F", ago=HOUR), result("a", "P", ago=-HOUR)]

    assert not is_contradicted(later, NOW)
    assert is_contradicted(later, NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("written", "rate", "runs"),
    [
        ("PPPPPPPPFP", 0.1, 10),
        ("PFPFPFPFPF", 0.5, 10),
        ("PFFPPFPPPP", 0.2, 10),  # two in a row are one flip
        ("PFFFPPPPPP", 0.0, 7),  # three in a row: it was broken
        ("FFFFFFFFFF", 0.0, 0),
        ("FPPPPPPPPP", 0.0, 10),  # the first one follows none
        ("PFFFFPFPPP", 1 / 6, 6),
        ("", 0.0, 0),
    ],
)
def test_flips_are_fails_after_a_pass(written: str, rate: float, runs: int) -> None:
    found, considered = flip_rate(fails(written))

    assert found == pytest.approx(rate)
    assert considered == runs


@pytest.mark.parametrize(
    ("rate", "runs", "before", "after"),
    [
        (0.10, 10, False, True),
        (0.10, 9, False, False),
        (0.099, 100, False, False),
        (0.021, 100, True, True),
        (0.02, 100, True, False),
        (0.05, 100, False, False),
    ],
)
def test_a_test_enters_the_list_at_ten_percent_and_leaves_at_two(
    rate: float, runs: int, before: bool, after: bool
) -> None:
    assert flips_often(rate, runs, before=before) is after


@pytest.mark.parametrize(
    ("written", "is_listed"),
    [
        ("PPPPPPPPFP", True),  # 1 of 10
        ("PPPPPPPPPPFP", False),  # 1 of 12
        ("PPPPPPPPF", False),  # 1 of 9
        ("PPPPPPPFFFP", False),  # broken, not flaky: before its third fail it had no 10 runs
        ("PPPPPPPPFFP", True),
        ("PFP" + "P" * 46, True),  # in at 10 runs, and 1 of 49
        ("PPPPPPPPFP" + "P" * 39, True),  # 1 of 49
        ("PPPPPPPPFP" + "P" * 40, False),  # 1 of 50
        ("PPPPPPPPFP" + "P" * 40 + "FP", False),  # 2 of 52: it comes back at 10 % only
        ("PFPPPPPPPP" + "FFF" + "P", True),
        ("FFF" + "PF" * 4 + "P", False),  # 9 runs without those of the break
        ("FFF" + "PF" * 4 + "PP", True),
        ("", False),
        ("FFFFFFFFFFFF", False),
    ],
)
def test_a_test_is_on_the_list_by_what_its_flips_were_run_upon_run(written: str, is_listed: bool) -> None:
    assert is_listed_by_flips(fails(written)) is is_listed


@pytest.mark.parametrize("seed", range(30))
def test_the_list_follows_the_rate_of_each_beginning(seed: int) -> None:
    written = Random(seed).choices([True, False], [2, 8], k=80)
    is_listed = False
    for end in range(1, len(written) + 1):
        is_listed = flips_often(*flip_rate(written[:end]), before=is_listed)

    assert is_listed_by_flips(written) is is_listed


def test_the_list_of_flaky_tests_holds_what_flips_though_no_revision_contradicts_it() -> None:
    judged = judge_flakiness(outcomes("PPPPPFPPPPFP"), NOW)

    assert (judged.is_flaky, judged.is_listed) == (False, True)
    assert judged.flip_rate == pytest.approx(2 / 12)


def test_a_contradiction_of_long_ago_counts_until_100_runs_have_passed() -> None:
    old = [result("a", "F", ago=200 * DAY), result("a", "P", ago=200 * DAY)]

    assert judge_flakiness([*old, *(result(f"r{number}", "P") for number in range(99))], NOW).is_flaky
    assert not judge_flakiness([*old, *(result(f"r{number}", "P") for number in range(100))], NOW).is_flaky


def test_rates_have_their_doubt() -> None:
    assert flake_rate(0, 0) == pytest.approx(0.01)
    assert flake_rate(50, 2) == pytest.approx(0.025)
    assert wilson_lower_bound(0, 0) == 0
    assert wilson_lower_bound(2, 100) == pytest.approx(0.00836, abs=2e-4)
    assert wilson_lower_bound(2, 50) > 0.01 > wilson_lower_bound(2, 200)


@pytest.mark.parametrize(("runs", "contradicted", "is_flaky"), [(10, 1, False), (50, 2, True), (200, 2, False)])
def test_a_rate_needs_two_fails_and_enough_of_the_runs(runs: int, contradicted: int, is_flaky: bool) -> None:
    assert flakes_by_rate(runs, contradicted) is is_flaky


def test_the_more_fails_in_a_row_the_less_a_flake() -> None:
    chances = [chance_of_flake(0.02, 0.0, count) for count in (1, 2, 3)]

    assert chances == [pytest.approx(0.02 / 0.021), pytest.approx(0.0004 / 0.0014), pytest.approx(8e-6 / 0.001008)]
    assert chance_of_flake(0.02, 0.02, 1) == pytest.approx(0.5)


def test_breaks_are_stretches_that_another_revision_ended() -> None:
    assert break_rate(outcomes("PFFPPFP")) == pytest.approx(2 / 7)
    same = [result("a", "F", place=0), result("a", "P", place=1)]
    assert break_rate(same) == 0
    assert break_rate([]) == 0


@pytest.mark.parametrize(
    ("failed", "total", "remark"),
    [
        (412, 415, "412 of 415 tests failed"),
        (5, 5, "5 of 5 tests failed"),
        (4, 4, None),
        (80, 100, None),
        (81, 100, "81 of 100 tests failed"),
        (0, 0, None),
    ],
)
def test_a_run_whose_tests_nearly_all_failed_teaches_nothing(failed: int, total: int, remark: str | None) -> None:
    assert guard_remark(failed, total) == remark


def test_the_evidence_counts_contradicted_fails() -> None:
    pairs = [pair for number in range(7) for pair in (result(f"c{number}", "F"), result(f"c{number}", "P"))]
    real = [result("x", "F"), result("y", "F")]

    judged = judge_flakiness([*pairs, *real], NOW)

    assert judged.evidence == "7 of its last 9 fails were contradicted at the same commit"
    assert (judged.runs, judged.fails, judged.contradicted, judged.is_flaky) == (16, 9, 7, True)
    assert judged.rate == pytest.approx(7.5 / 66)


def test_a_test_that_only_broke_is_not_flaky() -> None:
    judged = judge_flakiness(outcomes("PPPPPFFFFPPPPP"), NOW)

    assert not judged.is_flaky
    assert judged.evidence == ""


def test_results_older_than_90_days_do_not_count_for_the_rate() -> None:
    old = [result("a", "F", ago=91 * DAY), result("a", "P", ago=91 * DAY)]

    assert judge_flakiness(old, NOW).runs == 0


def test_at_most_500_runs_count_for_the_rate() -> None:
    assert judge_flakiness([result(str(number), "P") for number in range(600)], NOW).runs == 500


def shuffled(results: Iterable[TestResult], seed: int) -> list[TestResult]:
    mixed = list(results)
    Random(seed).shuffle(mixed)
    return mixed


@pytest.mark.parametrize("seed", range(20))
def test_order_of_arrival_does_not_matter(seed: int) -> None:
    results = [
        result(f"c{Random(number).randrange(30)}", Random(number + 99).choice("PPPF"), ago=HOUR * number, place=-number)
        for number in range(1, 80)
    ]

    assert judge_flakiness(shuffled(results, seed), NOW) == judge_flakiness(results, NOW)
