"""A receiver's own headline and body, in place of ours."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from service.message.blocks import Block, Line, Untrusted
from service.message.compose import MAX_BODY_LENGTH, MAX_TITLE_LENGTH, compose, with_story
from service.message.failures import failed_jobs
from service.message.sanitize import one_line, truncate
from service.message.status_text import clock_time, duration
from service.message.template_marks import BEGIN, END, BadTemplate
from service.model import (
    Commit,
    Details,
    Event,
    EventKind,
    Headline,
    JobReport,
    Message,
    MessageFacts,
    News,
    Pipeline,
    Project,
    Receiver,
    TestFailure,
    TestReport,
    Transition,
    Vcs,
    Workflow,
)

MAX_ITEMS = 10


class EmptyOutput(BadTemplate):
    """A template that made nothing to show."""


NAMES = {
    "project": "such as `acme/web`",
    "branch": "",
    "tag": "",
    "workflow": "its name",
    "job": "its name, of a job",
    "status": "CircleCI's word, such as `failed`",
    "news": "`broke`, `still_broken`, `fixed`, `passed`, `run` ...",
    "transition": "`broke`, `still_broken`, `fixed`, `passed` or `none`",
    "streak": "reds in a row",
    "since": "the time since when it is red, such as `09:12 UTC`",
    "pipeline": "its number",
    "revision": "",
    "subject": "the first line of the commit",
    "author": "the name of the commit's author",
    "actor": "the name of the person who started it",
    "trigger": "such as `webhook`, `api`, `schedule`",
    "duration": "such as `5 min 12 s`",
    "taken_by": "the person who has the incident",
    "failed_jobs": "a list: each has `name`, `status`, `url`",
    "failed_tests": "a list: each has `name`, `module`, `message`; ten at most",
    "failed_test_count": "",
    "mentions": "a list of names",
    "url": "the page of the workflow at CircleCI",
    "page": "our page about it",
    "headline": "the built-in headline",
    "body": "the built-in body",
}
"""The names that a template may use, with their meanings. An unknown fact is empty."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that a message is made of."""

    event: Event
    details: Details | None
    facts: MessageFacts
    message: Message


def apply_templates(receiver: Receiver, story: Story) -> Message:
    """Return the message with the receiver's own headline and body.

    A template that fails leaves the built-in form, and the message's remark says so.
    """
    if receiver.headline is None and receiver.body is None:
        return story.message
    try:
        return _with_body(receiver.body, story, _with_headline(receiver.headline, story, story.message))
    except BadTemplate as error:
        return replace(story.message, remark=f"a template of {receiver.name} {error}: sent in the built-in form")


def template_problem(text: str, *, is_headline: bool) -> str | None:
    """Return the problem of a template, found on sample events, or None.

    Of an event of which hardly anything is known it may make nothing.
    """
    fill_in = _with_headline if is_headline else _with_body
    full, bare = _samples()
    try:
        fill_in(text, full, full.message)
        with suppress(EmptyOutput):
            fill_in(text, bare, bare.message)
    except BadTemplate as error:
        return str(error)
    return None


def _render(text: str, story: Story) -> str:
    """Return the output of a template.

    Jinja2 is loaded where a template is used, and not by each command.
    """
    from service.message.template_language import compile_template, render_template  # noqa: PLC0415 - see above

    return render_template(compile_template(text), _names(story))


def _with_headline(text: str | None, story: Story, message: Message) -> Message:
    if text is None:
        return message
    title = one_line(_plain(_render(text, story)), MAX_TITLE_LENGTH)
    if not title:
        raise EmptyOutput("makes an empty headline")
    about = message.headline or Headline(project="", place="", news="")
    return replace(message, title=title, headline=replace(about, news=title))


def _with_body(text: str | None, story: Story, message: Message) -> Message:
    if text is None:
        return message
    lines = tuple(line for line in _lines(_render(text, story)) if line)
    if not lines:
        raise EmptyOutput("makes an empty body")
    kept = [block for block in message.story if block.is_for]
    own = (Block(lines=lines), *kept, *message.story[-1:]) if message.page else (Block(lines=lines), *kept)
    return with_story(message, own)


def _plain(output: str) -> str:
    return output.replace(BEGIN, "").replace(END, "")


def _lines(output: str) -> Iterator[Line]:
    """Yield the lines of an output.

    Values are text from outside; all else is the operator's.
    """
    line: list[str | Untrusted] = []
    for part in re.findall(f"{BEGIN}[^{END}]*{END}|[^{BEGIN}{END}]+", output):
        is_value = part.startswith(BEGIN)
        for number, words in enumerate(_plain(part).split("\n")):
            if number:
                yield tuple(line)
                line = []
            if cleaned := truncate(_cleaned(words), MAX_BODY_LENGTH):
                line.append(Untrusted(text=cleaned) if is_value else cleaned)
    yield tuple(line)


def _cleaned(words: str) -> str:
    """Return words without controls; spaces at their ends stay."""
    before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
    inner = one_line(words, MAX_BODY_LENGTH)
    return f"{' ' * bool(before)}{inner}{' ' * bool(after)}" if inner else " " * bool(words)


def _names(story: Story) -> Mapping[str, Any]:
    event, facts = story.event, story.facts
    details = story.details or Details()
    vcs, actor, run = details.vcs or Vcs(), details.actor or event.actor, event.run
    reports = [job.tests for job in details.jobs or () if job.tests]
    return {
        "project": event.project_name,
        "branch": event.branch or vcs.branch,
        "tag": event.tag or vcs.tag,
        "workflow": event.workflow.name,
        "job": event.job.name if event.job else None,
        "status": event.status,
        "news": facts.news.value,
        "transition": (run.transition if run else Transition.NONE).value,
        "streak": run.streak if run else 0,
        "since": clock_time(run.since, event.happened_at) if run and run.since else None,
        "pipeline": event.pipeline.number,
        "revision": event.revision or vcs.revision,
        "subject": event.commit.subject or vcs.subject,
        "author": event.commit.author_name,
        "actor": actor.name or actor.login,
        "trigger": event.trigger,
        "duration": duration(event.duration_ms) if event.duration_ms is not None else None,
        "taken_by": facts.taken.by if facts.taken else None,
        "failed_jobs": [_job(job) for job in failed_jobs(details.jobs or ())][:MAX_ITEMS],
        "failed_tests": [_test(failure) for report in reports for failure in report.failures][:MAX_ITEMS],
        "failed_test_count": sum(report.failed for report in reports),
        "mentions": [mention.name for mention in facts.mentions],
        "url": story.message.url,
        "page": story.message.page.partition("#")[0] if story.message.page else None,
        "headline": story.message.title,
        "body": story.message.text,
    }


class _Item(dict[str, str | None]):
    """An item of a list, which is shown by its name."""

    def __str__(self) -> str:
        return self["name"] or ""


def _job(job: JobReport) -> _Item:
    return _Item(name=job.name, status=job.status, url=job.url)


def _test(failure: TestFailure) -> _Item:
    message = next(iter((failure.message or "").strip().splitlines()), None)
    return _Item(name=failure.name, module=failure.class_name or failure.file, message=one_line(message) or None)


def _samples() -> Iterator[Story]:
    """Yield the stories on which templates are tried.

    One has all facts, and one has hardly any.
    """
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    bare = Event(
        id=UUID(int=0),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="sample",
        happened_at=noon,
        received_at=noon,
    )
    full = replace(
        bare,
        project=Project(slug="gh/acme/web", name="acme/web"),
        pipeline=Pipeline(number=42),
        workflow=Workflow(name="build-and-test", status="failed"),
        status="failed",
        branch="main",
        revision="0f86213",
        commit=Commit(subject="Fix the cart", author_name="Ada Example"),
        duration_ms=300_000,
    )
    tests = TestReport(failures=(TestFailure(name="test_total", message="1 != 2"),), counts={"failure": 1})
    details = Details(jobs=(JobReport(name="unit-tests", status="failed", tests=tests),))
    for event, known, facts in ((full, details, MessageFacts(news=News.BROKE)), (bare, None, MessageFacts())):
        yield Story(event=event, details=known, facts=facts, message=compose(event, known, facts=facts))
