"""The moments of a track: news first, the whole message as written down."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.message import Form, compose
from service.model import Details, JobReport, MessageFacts, News, PullRequest, TestReport
from tests.message.moments import AT, BROKE, FIXED, MOMENTS, STILL, a_story, moment
from tests.message.test_message import GOLDEN


@pytest.mark.parametrize("name", MOMENTS)
def test_a_moment_is_told_as_written_down(name: str) -> None:
    message = moment(name)
    shown = "".join(f"=== {part}\n{getattr(message, part)}\n" for part in ("title", "severity", *Form))
    buttons = "".join(f"[{''.join(map(str, button.words))}] {button.url}\n" for button in message.buttons)

    assert f"{shown}=== buttons\n{buttons}" == (GOLDEN / "moments" / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("broke", "acme/web main broke: 3 tests fail in unit-tests"),
        ("still-red", "acme/web main still red: 3 tests fail in unit-tests"),
        ("fixed", "acme/web main fixed after 38 min"),
        ("broke-job-alone", "acme/web main broke: lint timed out"),
        ("broke-nothing-known", "acme/web main broke: build-and-test could not run (error)"),
        ("passed", "acme/web main passed: build-and-test"),
        ("status-route", "acme/web main: build-and-test failed"),
    ],
)
def test_title_has_the_news_first(name: str, title: str) -> None:
    assert moment(name).title == title


@pytest.mark.parametrize(
    ("counts", "names", "words"),
    [
        ((3, 2), ("a", "b"), "5 tests fail in 2 jobs"),
        ((1,), ("a",), "1 test fails in a"),
        ((0, 4), ("a", "b"), "4 tests fail in b"),
        ((0, 0), ("a", "b"), "2 jobs failed"),
    ],
)
def test_failures_of_a_title_are_counted(counts: tuple[int, ...], names: tuple[str, ...], words: str) -> None:
    jobs = tuple(
        JobReport(name=name, status="failed", tests=TestReport(counts={"failure": count}))
        for name, count in zip(names, counts, strict=True)
    )

    message = compose(a_story(run=BROKE), Details(jobs=jobs), facts=MessageFacts(news=News.BROKE))

    assert message.title == f"acme/web main broke: {words}"


def test_number_of_failed_tests_is_a_least_where_reports_are_partial() -> None:
    report = TestReport(counts={"failure": 3}, is_complete=False)
    jobs = (JobReport(name="unit-tests", status="failed", tests=report),)

    message = compose(a_story(run=BROKE), Details(jobs=jobs), facts=MessageFacts(news=News.BROKE))

    assert message.title == "acme/web main broke: at least 3 tests fail in unit-tests"


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=5, minutes=3), "5 h 03 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=3, hours=4), "3 days"),
        (timedelta(minutes=-5), "less than a minute"),
    ],
)
def test_length_of_a_red_stretch_is_told_as_people_say_it(lasted: timedelta, words: str) -> None:
    event = a_story("success", run=replace(FIXED, since=AT - lasted))

    assert compose(event, None, facts=MessageFacts(news=News.FIXED)).title == f"acme/web main fixed after {words}"


@pytest.mark.parametrize("news", [News.BROKE, News.STILL_BROKEN, News.FIXED, News.PASSED, News.REMINDER])
def test_unknown_facts_of_a_track_are_not_told(news: News) -> None:
    message = compose(a_story("success"), None, facts=MessageFacts(news=news))

    lines = message.text.splitlines()
    assert lines[0].startswith("build-and-test #1487 after 5 min. ")
    assert [line.partition(" ")[0] for line in lines[1:]] == ["By"]
    assert "None" not in message.title + message.text


def test_red_since_another_day_has_its_date() -> None:
    event = a_story(run=replace(STILL, since=AT - timedelta(days=2), streak=11))

    text = compose(event, None, facts=MessageFacts(news=News.STILL_BROKEN)).text

    assert "Red since 20 Nov 10:42 UTC, the 11th run in a row." in text


def test_every_written_moment_is_told() -> None:
    assert {path.stem for path in (GOLDEN / "moments").glob("*.txt")} == {*MOMENTS, "joint"}


@pytest.mark.parametrize(
    ("number", "url", "line"),
    [
        (12, "https://github.com/acme/web/pull/12", "Pull request #12. https://github.com/acme/web/pull/12"),
        (12, None, "Pull request #12."),
        (None, "https://github.com/acme/web/pull/12", "Pull request. https://github.com/acme/web/pull/12"),
        (12, "javascript:alert(1)", "Pull request #12."),
        (None, "javascript:alert(1)", None),
        (None, None, None),
    ],
)
def test_pull_request_is_named_with_its_page(number: int | None, url: str | None, line: str | None) -> None:
    found = PullRequest(number=number, url=url)

    of_event = compose(replace(a_story(), pull_request=found), None).text.splitlines()
    of_details = compose(a_story(), Details(pull_request=found)).text.splitlines()

    assert [each for each in of_event if each.startswith("Pull request")] == ([line] if line else [])
    assert of_details == of_event
