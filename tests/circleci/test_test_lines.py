"""Test results line by line: any cut of the bytes, lines that are none, and the limits."""

import json
from collections.abc import Iterable

import pytest

from service.circleci.reports import MAX_FAILURES, MAX_PASSES
from service.circleci.test_lines import MAX_LINE_BYTES, MAX_SECONDS, TestLines
from service.model import TestFailure, TestPass

GOOD = {"classname": "tests.prices", "name": "test_ok", "result": "success", "run_time": 0.5, "message": ""}
BAD = {**GOOD, "name": "test_rounding", "result": "failure", "message": "assert 1 == 2"}


def jsonl(*items: object) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def read(*chunks: bytes, max_bytes: int = 10**9, max_lines: int = 10**6) -> TestLines:
    lines = TestLines(max_bytes=max_bytes, max_lines=max_lines)
    for chunk in chunks:
        if not lines.feed(chunk):
            break
    return lines


def cut(body: bytes, size: int) -> Iterable[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\r\n"])
def test_the_chunks_of_an_answer_do_not_matter(size: int, end: bytes) -> None:
    body = jsonl(GOOD, BAD, {**GOOD, "result": "skipped", "name": "é"}).rstrip(b"\n") + end

    lines = read(*cut(body, size))
    report = lines.report()

    assert report is not None
    assert report.failures == (
        TestFailure(name="test_rounding", class_name="tests.prices", message="assert 1 == 2", run_time_s=0.5),
    )
    assert report.passes == (TestPass(name="test_ok", class_name="tests.prices", run_time_s=0.5),)
    assert (report.counts, report.is_complete, lines.remark) == (
        {"success": 1, "failure": 1, "skipped": 1},
        True,
        None,
    )


def test_an_empty_answer_is_no_report() -> None:
    assert read(b"").report() is None
    assert read(b"\n\n \n").report() is None


@pytest.mark.parametrize(
    "line",
    [b"<html>", b'{"name": "cut', b"[1]", b"7", b"null", b"{}", b'{"name": 7}', b"\xff\xfe", b"[" * 100_000, b"\0"],
)
def test_a_line_that_is_no_result_is_counted_and_left_out(line: bytes) -> None:
    lines = read(jsonl(GOOD) + line + b"\n" + jsonl(BAD))
    report = lines.report()

    assert report is not None
    assert report.counts == {"success": 1, "failure": 1}
    assert lines.remark == "1 of 3 test results could not be read"


def test_a_line_that_is_too_long_is_left_out_and_the_next_is_read() -> None:
    long = b'{"name": "' + b"x" * MAX_LINE_BYTES + b'"}\n'

    for chunks in ([long + jsonl(GOOD)], list(cut(long + jsonl(GOOD), 4_096))):
        lines = read(*chunks)
        report = lines.report()
        assert report is not None
        assert (report.counts, lines.unreadable) == ({"success": 1}, 1)
    ending = read(long.rstrip(b"\n"))
    assert (ending.report(), ending.unreadable) == (None, 1)


def test_reading_ends_at_a_number_of_lines() -> None:
    lines = read(*cut(jsonl(*[GOOD] * 100), 500), max_lines=10)
    report = lines.report()

    assert report is not None
    assert (report.counts, report.is_complete) == ({"success": 10}, False)


def test_reading_ends_at_a_number_of_bytes_without_the_line_that_is_cut() -> None:
    lines = read(*cut(jsonl(*[GOOD] * 100), 500), max_bytes=len(jsonl(*[GOOD] * 10)) + 20)
    report = lines.report()

    assert report is not None
    assert (report.counts, report.is_complete, lines.remark) == ({"success": 10}, False, None)


def test_reading_ends_after_a_time() -> None:
    now = [0.0]
    lines = TestLines(max_bytes=10**9, clock=lambda: now[0])

    assert lines.feed(jsonl(GOOD))
    now[0] = MAX_SECONDS + 0.1
    assert not lines.feed(jsonl(GOOD))
    report = lines.report()
    assert report is not None
    assert (report.counts, report.is_complete) == ({"success": 2}, False)


@pytest.mark.long
def test_so_many_failures_and_passes_are_kept_and_all_are_counted() -> None:
    report = read(*cut(jsonl(*[BAD] * (MAX_FAILURES + 50), *[GOOD] * (MAX_PASSES + 50)), 65_536)).report()

    assert report is not None
    assert (len(report.failures), len(report.passes)) == (MAX_FAILURES, MAX_PASSES)
    assert report.counts == {"failure": MAX_FAILURES + 50, "success": MAX_PASSES + 50}


def test_results_of_many_kinds_take_little_room() -> None:
    report = read(*cut(jsonl(*({**GOOD, "result": f"odd {number}"} for number in range(5_000))), 4_096)).report()

    assert report is not None
    assert len(report.counts) <= 25
    assert sum(report.counts.values()) == 5_000
