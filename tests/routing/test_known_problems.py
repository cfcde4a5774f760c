"""Known problems: those that the failures of a run match, and whether they explain all of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from service.model import DetailKind, Details, JobReport, KnownProblem, MissingDetail, TestFailure, TestReport
from service.routing.fingerprint import fingerprint
from service.routing.known_problems import KnownFailures, find_known, is_found

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOOKUP = "curl: (6) Could not resolve host: registry.example.com"


def problem(pattern: str | None = "Could not resolve host", **facts: Any) -> KnownProblem:
    usual: dict[str, Any] = {"id": UUID(int=1), "title": "DNS of the runner", "added_by": "linh", "created_at": NOW}
    return KnownProblem(**(usual | {"pattern": pattern} | facts))


def failed_tests(*messages: str, **facts: Any) -> JobReport:
    failures = tuple(TestFailure(name=f"test {n}", message=message) for n, message in enumerate(messages))
    return JobReport(name="unit-tests", status="failed", tests=TestReport(failures=failures, **facts))


DNS = problem()
DOWN = JobReport(name="deploy", status="failed", messages=(LOOKUP,))
GREEN = JobReport(name="lint", status="success")


@pytest.mark.parametrize(
    ("jobs", "is_all"),
    [
        ([DOWN, GREEN], True),
        ([DOWN, failed_tests(LOOKUP)], True),
        ([DOWN, failed_tests(LOOKUP, "assert 1 == 2")], False),
        ([DOWN, JobReport(name="build", status="failed")], False),
        ([failed_tests(LOOKUP, counts={"failure": 3})], False),  # two are counted and not kept
        ([failed_tests(LOOKUP, is_complete=False)], False),
    ],
)
def test_a_run_is_a_known_problem_if_all_of_its_failures_are(jobs: list[JobReport], is_all: bool) -> None:
    assert find_known(Details(jobs=tuple(jobs)), [DNS], NOW) == KnownFailures(problems=(DNS,), is_all=is_all)


def test_failure_without_a_text_matches_no_problem_whatever_its_pattern() -> None:
    silent = JobReport(name="build", status="failed")

    assert find_known(Details(jobs=(silent,)), [problem("*")], NOW) == KnownFailures()
    assert find_known(Details(jobs=(DOWN,)), [problem("*")], NOW).is_all


def test_what_is_not_known_yet_is_no_known_problem() -> None:
    missing = MissingDetail(want=DetailKind.TESTS, reason="CircleCI answered 503", is_final=False)

    assert find_known(None, [DNS], NOW) == KnownFailures()
    assert not find_known(Details(jobs=(DOWN,), missing=(missing,)), [DNS], NOW).is_all
    assert find_known(Details(jobs=(GREEN,)), [DNS], NOW) == KnownFailures()


def test_open_problems_are_found_before_closed_ones() -> None:
    closed, over = replace(DNS, id=UUID(int=2), closed_at=NOW), replace(DNS, id=UUID(int=3), until=NOW)

    assert find_known(Details(jobs=(DOWN,)), [closed, over, DNS], NOW).problems == (DNS,)
    assert find_known(Details(jobs=(DOWN,)), [closed], NOW).problems == (closed,)


@pytest.mark.parametrize(
    ("problems", "is_muted"),
    [
        ([problem(is_muted=True)], True),
        ([problem(is_muted=True, until=NOW + timedelta(days=1))], True),
        ([problem(is_muted=True, closed_at=NOW)], False),
        ([problem(is_muted=True, until=NOW)], False),
        ([problem()], False),
    ],
)
def test_muted_problems_alone_mute_a_run(problems: list[KnownProblem], is_muted: bool) -> None:
    assert find_known(Details(jobs=(DOWN,)), problems, NOW).is_muted(NOW) is is_muted
    assert not find_known(Details(jobs=(DOWN, failed_tests("x"))), problems, NOW).is_muted(NOW)


def test_a_fingerprint_or_its_beginning_matches_texts_that_differ_by_times_only() -> None:
    mark = fingerprint("timed out at 10:12:03") or ""
    details = Details(jobs=(failed_tests("timed out at 23:59:59"),))

    assert find_known(details, [problem(None, fingerprint=mark)], NOW).is_all
    assert find_known(details, [problem(None, fingerprint=mark[:8])], NOW).is_all
    assert not find_known(details, [problem(None, fingerprint="0" * 64)], NOW).problems


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("not resolve", LOOKUP, True),
        ("Not resolve", LOOKUP, False),
        ("resolve * registry", LOOKUP, True),
        ("host?", "host", False),
        ("[6] (x", "error [6] (x)", True),
        ("one*two", "one\nand\ntwo", True),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT} is closed", True),
    ],
)
def test_patterns_are_found_anywhere_in_a_text(pattern: str, text: str, expected: bool) -> None:
    assert is_found(pattern, text) is expected


def test_a_long_text_is_searched_at_its_ends() -> None:
    assert is_found("the end", "x" * 1_000_000 + "the end")
    assert not is_found("a*b*c*d*e*f*g", "abcdef" * 1_000_000)
