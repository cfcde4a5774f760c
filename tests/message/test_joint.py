"""A message of several news, as written down; what is too much is counted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.message import Form, slack_message, slack_problems
from service.message.joint import MAX_LINES, JointItem, compose_items
from service.model import Details, Event, JobReport, Message, News, Project, TestReport, Workflow
from tests.message.moments import APP, AT, BROKE, FIXED, a_story
from tests.message.test_message import GOLDEN
from tests.support.hostile_words import MARKUP, MENTIONS

PAGE = "https://roundsman.example.com/"


def news(project: str, workflow: str, **changes: Any) -> Event:
    """The story's run, of another project and workflow."""
    event = a_story(run=BROKE)
    slug = f"gh/{project}"
    return replace(
        event,
        project=Project(id=slug, slug=slug, name=project.rpartition("/")[2]),
        workflow=Workflow(id=workflow, name=workflow, status=event.workflow.status, url=APP),
        **changes,
    )


def item(event: Event, said: News = News.BROKE, *, tests: int = 0) -> JointItem:
    report = TestReport(counts={"failure": tests}) if tests else None
    jobs = (JobReport(name="unit-tests", status="failed", tests=report),)
    return JointItem(event=event, details=Details(jobs=jobs) if tests else None, news=said)


def a_message() -> Message:
    fixed = news("acme/api", "nightly", status="success", run=replace(FIXED, since=AT - timedelta(minutes=38)))
    each = [
        item(fixed, News.FIXED),
        item(news("acme/web", "build-and-test"), tests=3),
        item(news("acme/web", "<b>*lint*</b> @here")),
        item(news("acme/app", "release")),
    ]
    return compose_items(each, page=PAGE)


def test_news_of_several_projects_are_told_as_written_down() -> None:
    message = a_message()
    shown = "".join(f"=== {part}\n{getattr(message, part)}\n" for part in ("title", "severity", *Form))

    assert shown == (GOLDEN / "moments" / "joint.txt").read_text()


@pytest.mark.parametrize(
    ("items", "title"),
    [
        ([item(news("acme/web", str(n))) for n in range(5)], "5 workflows broke in acme/web main"),
        (
            [item(news(f"acme/{n}", "build")) for n in range(3)] + [item(news("acme/0", "lint"))],
            "4 workflows broke in 3 projects",
        ),
        (
            [item(news("acme/web", "a"), News.STILL_BROKEN), item(news("acme/web", "b", status="success"), News.FIXED)],
            "1 workflow is still red, 1 was fixed in acme/web main",
        ),
        (
            [item(news("acme/web", "a", status="canceled"), News.RUN) for _ in range(2)],
            "2 runs were canceled in acme/web main",
        ),
        ([item(news("acme/web", "a", branch=name)) for name in ("main", "x")], "2 workflows broke in acme/web"),
    ],
)
def test_the_title_counts(items: list[JointItem], title: str) -> None:
    assert compose_items(items).title == title


def test_project_without_a_name_and_a_tag_are_named_in_the_title() -> None:
    unnamed = replace(news("acme/web", "a"), project=Project())
    tagged = replace(news("acme/web", "a"), branch=None, tag="v1.2")

    assert compose_items([item(unnamed)] * 2).title == "2 workflows broke in a project main"
    assert compose_items([item(tagged)] * 2).title == "2 workflows broke in acme/web tag v1.2"


def test_the_worst_of_them_gives_the_color() -> None:
    assert a_message().severity == "failure"
    assert compose_items([item(news("acme/web", "a", status="success"), News.FIXED)]).severity == "success"


def test_what_is_not_listed_is_counted() -> None:
    message = compose_items([item(news("acme/web", f"workflow-{n}")) for n in range(320)])

    assert message.text.count("\n- ") == MAX_LINES + 1
    assert "and 300 more" in message.text
    assert len(message.text) <= 3_500


@pytest.mark.parametrize("count", [2, 20, 500])
def test_slack_takes_it_whatever_its_names_are(count: int) -> None:
    names = [*MENTIONS, *MARKUP]
    items = [item(news(f"acme/{names[n % len(names)]}", names[(n + 7) % len(names)])) for n in range(count)]

    assert list(slack_problems(slack_message(compose_items(items, page=PAGE)))) == []


@pytest.mark.parametrize(
    ("said", "status", "is_explained"),
    [(News.RUN, "failed", True), (News.RUN, "success", False), (News.STILL_BROKEN, "failed", True)],
)
def test_failure_is_told_of_each_failed_run_also_where_every_run_is_heard(
    said: News, status: str, *, is_explained: bool
) -> None:
    message = compose_items([item(news("acme/web", "build", status=status), said, tests=3)] * 2, page=PAGE)

    assert ("3 tests fail" in message.text) is is_explained


def test_job_without_a_name_is_told_as_a_job() -> None:
    report = TestReport(counts={"failure": 2})
    nameless = Details(jobs=(JobReport(name="", status="failed", tests=report),))
    about = news("acme/web", "build")
    message = compose_items([JointItem(event=about, details=nameless, news=News.BROKE)] * 2, page=PAGE)

    assert "2 tests fail in a job" in message.text
