"""Messages: the whole rendered text compared, and what hostile words may never do."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.message import Form, RenderOptions, compose, one_line, render_body
from service.model import (
    Actor,
    Commit,
    DetailKind,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    Message,
    MissingDetail,
    Pipeline,
    Project,
    TestFailure,
    TestReport,
    Vcs,
    Workflow,
)

GOLDEN = Path(__file__).parents[1] / "messages"
APP = "https://app.circleci.com/pipelines/github/acme/web/42/workflows/5034460f"
COMMIT = "https://github.com/acme/web/commit/1a2b3c4d5e6f"
PAGE = "https://roundsman.example.com/events/1"
HOSTILE = "<!channel> *x* _y_ `z` <script>alert(1)</script> [a](https://evil.example) @everyone & \\ ~s~ <@U1>"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def an_event(**facts: Any) -> Event:
    bare = Event(
        id=UUID(int=1), kind=EventKind.WORKFLOW_COMPLETED, source_event_id="e1", happened_at=NOON, received_at=NOON
    )
    return replace(bare, **facts)


def a_workflow(status: str = "failed", **facts: Any) -> Event:
    usual: dict[str, Any] = {
        "org": "acme",
        "project": Project(slug="github/acme/web", name="web"),
        "pipeline": Pipeline(number=42),
        "workflow": Workflow(id="w1", name="build-and-test", status=status, url=APP),
        "status": status,
        "branch": "main",
        "revision": "1a2b3c4d5e6f",
        "commit": Commit(subject="Fix the cart", author_name="Ada Example", author_email="ada@example.com", url=COMMIT),
        "trigger": "webhook",
        "duration_ms": 125_000,
    }
    return an_event(**(usual | facts))


def a_job(name: str = "test", status: str = "failed", **facts: Any) -> JobReport:
    return JobReport(name=name, status=status, **facts)


def failures(count: int) -> tuple[TestFailure, ...]:
    return tuple(TestFailure(name=f"test_{n}", class_name="CartTest", message=f"no {n}") for n in range(count))


RED = Details(
    actor=Actor(login="ada", name="Ada Example"),
    jobs=(
        a_job("lint", "success", url=f"{APP}/jobs/6"),
        a_job(
            url=f"{APP}/jobs/7",
            duration_ms=62_000,
            tests=TestReport(
                failures=(
                    TestFailure(
                        name="test_total", class_name="CartTest", file="tests/cart.py", message="3 != 4\n  at line 5"
                    ),
                    TestFailure(name="test_empty", message="\nValueError: no cart"),
                    TestFailure(name="test_silent"),
                ),
                counts={"success": 211, "failure": 3},
            ),
        ),
        a_job("image", "infrastructure_fail", messages=("The machine went away.",)),
        a_job("deploy", "blocked"),
    ),
)

STORIES: dict[str, tuple[Event, Details | None]] = {
    "failed-with-tests": (a_workflow(), RED),
    "green": (a_workflow("success", trigger="api"), Details()),
    "canceled": (a_workflow("canceled", duration_ms=850), Details(actor=Actor(login="ada"))),
    "job": (
        a_workflow(
            kind=EventKind.JOB_COMPLETED,
            status="success",
            job=Job(id="j1", name="deploy-web", number=9, status="success"),
            duration_ms=11_220_000,
        ),
        Details(jobs=(a_job("deploy-web", "success", url=f"{APP}/jobs/9"),)),
    ),
    "tag": (
        a_workflow("error", branch=None, commit=Commit(), trigger="scheduled_pipeline"),
        Details(vcs=Vcs(tag="v1.2.0", subject="Release 1.2.0")),
    ),
    "github-app": (
        a_workflow(
            "unauthorized", org=None, project=Project(slug="circleci/Dx7/9tK", name="acme/web"), trigger="github_app"
        ),
        None,
    ),
    "nothing-known": (an_event(), None),
    "partial": (
        a_workflow(trigger="robot"),
        Details(
            jobs=(a_job(tests=TestReport(failures=failures(1), counts={"failure": 1}, is_complete=False)),),
            missing=(
                MissingDetail(want=DetailKind.ACTOR, reason="CircleCI answered 404.", is_final=True),
                MissingDetail(want=DetailKind.JOBS, reason="CircleCI answered 503.", is_final=False),
                MissingDetail(want=DetailKind.TESTS, reason="CircleCI answered 503", is_final=False),
                MissingDetail(want=DetailKind.TESTS, reason="CircleCI answered 503", is_final=False),
            ),
        ),
    ),
    "hostile": (
        an_event(
            org=HOSTILE,
            project=Project(name=HOSTILE),
            workflow=Workflow(name=HOSTILE, url="javascript:alert(1)"),
            status=HOSTILE,
            branch=HOSTILE,
            revision="`<b>*",
            commit=Commit(subject=HOSTILE, author_name=HOSTILE, url='https://example.com/")<x>*_[](|'),
            trigger=HOSTILE,
        ),
        Details(
            jobs=(
                a_job(
                    HOSTILE,
                    url="https://ada:secret@example.com/",
                    messages=(HOSTILE,),
                    tests=TestReport(
                        failures=(TestFailure(name=HOSTILE, class_name=HOSTILE, file=HOSTILE, message=HOSTILE),)
                    ),
                ),
            ),
            missing=(MissingDetail(want=DetailKind.JOBS, reason=HOSTILE, is_final=True),),
        ),
    ),
    "200-failures": (
        a_workflow(),
        Details(
            jobs=tuple(
                a_job(f"test-{n}", tests=TestReport(failures=failures(10), counts={"failed": 10})) for n in range(20)
            )
        ),
    ),
    "very-long-names": (
        a_workflow(
            project=Project(name="p" * 400),
            branch="b" * 400,
            workflow=Workflow(name="w" * 400, url=f"https://example.com/{'u' * 400}"),
            commit=Commit(subject="s" * 400, author_name="a" * 400, url=f"https://example.com/{'v' * 900}"),
        ),
        Details(jobs=tuple(a_job("j" * 400, url=f"https://example.com/{n}/{'u' * 400}") for n in range(9))),
    ),
}


def rendered(message: Message) -> str:
    return "".join(f"=== {name}\n{getattr(message, name)}\n" for name in ("title", "severity", *Form))


@pytest.mark.parametrize("case", STORIES)
def test_a_story_is_told_as_written_down(case: str) -> None:
    event, details = STORIES[case]

    message = compose(event, details, event_url=PAGE)

    assert rendered(message) == (GOLDEN / f"{case}.txt").read_text()


def test_message_does_not_mention_a_missing_token() -> None:
    missing = tuple(
        MissingDetail(want=want, reason="no TOKEN is set", is_final=True, is_by_choice=True) for want in DetailKind
    )

    assert compose(a_workflow(), Details(missing=missing)) == compose(a_workflow(), None)


def test_every_written_story_is_told() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(STORIES)


@pytest.mark.parametrize("case", STORIES)
def test_no_absent_fact_shows_and_no_form_outgrows_a_chat_message(case: str) -> None:
    message = compose(*STORIES[case], event_url=PAGE)

    assert "None" not in rendered(message)
    assert len(message.title) <= 250
    assert len(message.text) <= 3500 >= len(message.markdown)
    assert message.text.endswith(PAGE)
    assert message.markdown.endswith(f"({PAGE})")


@pytest.mark.parametrize(
    ("status", "words", "severity"),
    [
        ("success", "succeeded", "success"),
        ("failed", "failed", "failure"),
        ("error", "could not run (error)", "failure"),
        ("canceled", "was canceled", "info"),
        ("unauthorized", "was not allowed to run", "warning"),
        ("not_run", "did not run", "info"),
        ("timedout", "timed out", "failure"),
        ("invented", "ended as invented", "info"),
        (None, "ended", "info"),
    ],
)
def test_a_status_is_told_in_plain_words_and_an_unknown_one_verbatim(
    status: str | None, words: str, severity: str
) -> None:
    message = compose(an_event(status=status), None)

    assert (message.title, message.severity) == (f"A project: a workflow {words}", severity)


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        *((0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (59_999, "59 s"), (60_000, "1 min"), (65_000, "1 min 05 s")),
        *((3_600_000, "1 h"), (3_725_000, "1 h 02 min"), (172_800_000, "2 days")),
    ],
)
def test_a_duration_is_told_in_the_two_units_that_matter(milliseconds: int, words: str) -> None:
    assert compose(an_event(duration_ms=milliseconds), None).text == f"After {words}."


def test_message_without_our_page_has_no_link_to_it() -> None:
    assert "Why" not in rendered(compose(a_workflow(), None))


def test_a_job_without_a_name_is_still_a_job() -> None:
    assert compose(an_event(job=Job()), None).text == "A job of a workflow ended."


def test_project_without_a_name_is_called_by_its_slug() -> None:
    assert compose(an_event(project=Project(slug="gh/acme/web")), None).title == "gh/acme/web: a workflow ended"


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("two\nlines\r\n\tand\u2028more", "two lines and more"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x", "red x"),
        ("bell\x07 nul\x00 half\x1b", "bell\ufffd nul\ufffd half\ufffd"),
        ("abc\u202egnp.exe \u2066x\u2069 \u200fy \u200bz", "abc\ufffdgnp.exe \ufffdx\ufffd \ufffdy \ufffdz"),
        ("lone \ud800", "lone \ufffd"),
        ("family \U0001f469\u200d\U0001f467", "family \U0001f469\u200d\U0001f467"),
        ("x" * 300, "x" * 197 + "..."),
        (None, ""),
    ],
)
def test_outside_words_come_on_one_line_with_nothing_that_acts_on_a_screen(outside: str | None, inside: str) -> None:
    assert one_line(outside) == inside


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://example.com",
        "//example.com",
        "https://a:b@example.com",
        "https://[",
        "https://",
        "",
    ],
)
def test_an_address_that_no_browser_should_follow_is_left_out(url: str) -> None:
    message = compose(an_event(workflow=Workflow(name="w", url=url)), None)

    assert message.text == "Workflow w ended."
    assert "href" not in message.html


class Reader(HTMLParser):
    """What a mail program makes of HTML: its words, its elements, its addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.elements, self.attributes = "", set[str](), set[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)


@given(words)
def test_any_word_reaches_the_reader_of_html_as_it_is_and_makes_no_element(subject: str) -> None:
    reader = Reader(compose(an_event(commit=Commit(subject=subject)), None).html)

    assert reader.words == f"Commit {subject}"
    assert (reader.elements, reader.attributes) == ({"p"}, {"style"})


def code_spans(markdown: str) -> list[str]:
    """What CommonMark (0.31.2, 6.1) reads as code: from a run of backticks to the next one of equal length."""
    spans = re.findall(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", markdown)
    return [body[1:-1] if body[:1] == body[-1:] == " " and body.strip() else body for _, body in spans]


@pytest.mark.long
@given(words)
def test_any_word_stands_in_markdown_as_code_with_exactly_its_characters(subject: str) -> None:
    markdown = compose(an_event(commit=Commit(subject=subject)), None).markdown

    assert code_spans(markdown) == [subject]


@given(words)
def test_any_word_stands_in_text_as_it_is(subject: str) -> None:
    assert compose(an_event(commit=Commit(subject=subject)), None).text == f"Commit {subject}"


@pytest.mark.parametrize("form", Form)
def test_a_message_that_fits_is_left_alone(form: Form) -> None:
    message = compose(*STORIES["failed-with-tests"])

    assert render_body(message, form, RenderOptions(max_length=5000)) == getattr(message, form)


@pytest.mark.parametrize(
    ("form", "heading"),
    [
        (Form.TEXT, "<b> `c`: a workflow ended\n"),
        (Form.MARKDOWN, "**``<b> `c`: a workflow ended``**\n\n"),
        (Form.HTML, "<p><b>&lt;b&gt; `c`: a workflow ended</b></p>\n"),
    ],
)
def test_a_title_inside_the_body_is_as_literal_as_the_rest(form: Form, heading: str) -> None:
    message = compose(an_event(project=Project(name="<b> `c`")), None)

    assert render_body(message, form, RenderOptions(max_length=5000, has_title=True)) == heading + getattr(
        message, form
    )


def test_a_channel_too_small_for_two_lines_gets_the_title() -> None:
    message = compose(*STORIES["failed-with-tests"])

    assert (
        render_body(message, Form.TEXT, RenderOptions(max_length=30, has_title=True))
        == "acme/web main: build-and-te..."
    )
