"""The story of an event: what happened, whose it is, what failed, where to look."""

from collections.abc import Iterator

from service.message.clean import shortened
from service.message.failures import jobs_block, tests_block
from service.message.fit import cut
from service.message.forms import html, markdown, text
from service.message.story import Block, Line, Link, Words, joined, linked, plain, said
from service.message.words import (
    after,
    by_reason,
    enumeration,
    severity,
    started,
    status_words,
)
from service.model import Details, Event, Message, Vcs

LONGEST_TITLE = 250
LONGEST_BODY = 3500  # what Slack shows without folding it away


def compose(event: Event, details: Details | None, *, event_url: str | None = None) -> Message:
    """Tell the event, as far as it is known, in every form.

    event_url   our page about the event: the answer to "why did I get this?"
    """
    known = details or Details()
    blocks = [block for block in _blocks(event, known, event_url) if block.lines]
    return Message(
        title=shortened(plain(_title(event, known)), LONGEST_TITLE),
        text=cut(text(blocks), LONGEST_BODY),
        markdown=cut(markdown(blocks), LONGEST_BODY),
        html=html(blocks),
        severity=severity(event.status),
    )


def _blocks(event: Event, details: Details, event_url: str | None) -> Iterator[Block]:
    lines = (_lead(event, details), _who(event, details), started(event.trigger))
    yield Block(lines=tuple(line for line in lines if line))
    if not event.job:  # a job event's one job is told in its first line
        yield jobs_block(details.jobs or ())
    yield tests_block([job.tests for job in details.jobs or () if job.tests])
    yield Block(lines=tuple(_missing(details)))
    yield Block(lines=(linked(("Why did I get this?",), event_url),) if event_url else ())


def _title(event: Event, details: Details) -> Line:
    """``acme/web main: build-and-test failed``."""
    place = joined([said(event.project_name, 100) or ("a project",), _where(event, details.vcs or Vcs())])
    workflow = said(event.workflow.name, 80) or ("a workflow",)
    what = joined([_job_name(event), workflow], " of ")
    return _sentence((*place, ": ", *what, " ", *status_words(event.status)))


def _where(event: Event, vcs: Vcs) -> Words:
    tag, branch = said(event.tag or vcs.tag, 80), said(event.branch or vcs.branch, 80)
    return ("tag ", *tag) if tag else branch


def _job_name(event: Event) -> Words:
    return (said(event.job.name, 80) or ("a job",)) if event.job else ()


def _lead(event: Event, details: Details) -> Line:
    """``Workflow build-and-test failed after 2m 05s, pipeline 42.``, linked to where the logs are."""
    subject = linked(_named("workflow", event.workflow.name), event.workflow.url)
    if event.job:
        url = next((job.url for job in details.jobs or () if job.url), None)
        subject = joined([linked(_named("job", event.job.name), url), subject], " of ")
    pipeline = f", pipeline {event.pipeline.number}" if event.pipeline.number is not None else ""
    return _sentence((*subject, " ", *status_words(event.status), f"{after(event.duration_ms)}{pipeline}."))


def _named(kind: str, name: str | None) -> Words:
    words = said(name, 80)
    return (f"{kind} ", *words) if words else (f"a {kind}",)


def _sentence(line: Line) -> Line:
    """The line with our first word in upper case; a sentence never begins with words from outside."""
    match line:
        case (str() as first, *rest):
            return (first[0].upper() + first[1:], *rest)
        case (Link(words=(str() as first, *rest), url=url), *others):
            return (Link(words=(first[0].upper() + first[1:], *rest), url=url), *others)
    return line


def _who(event: Event, details: Details) -> Line:
    """``By Ada Example, commit 1a2b3c4 Fix the cart``; the author stands in for an unknown actor."""
    actor = details.actor or event.actor
    vcs = details.vcs or Vcs()
    person = said(actor.name or actor.login or event.commit.author_name, 80)
    sha = linked(said((event.revision or vcs.revision or "")[:7]), event.commit.url)
    commit = joined([sha, said(event.commit.subject or vcs.subject)])
    return _sentence(joined([("by ", *person) if person else (), ("commit ", *commit) if commit else ()], ", "))


def _missing(details: Details) -> Iterator[Line]:
    """``Jobs and tests could not be read: CircleCI answered 503.``; nothing of what is missing by choice."""
    for reason, wanted in by_reason(one for one in details.missing if not one.is_by_choice).items():
        yield _sentence((f"{enumeration(wanted)} could not be read: ", *said(reason), "."))
