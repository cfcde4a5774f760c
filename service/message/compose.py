"""The messages of an event (title, author, failures, links) and of a channel test."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from service.message.blocks import Block, Line, Link, Words, join, link, plain_text, untrusted
from service.message.failures import failed_jobs, jobs_block, marks_of, step_block, tests_block
from service.message.formats import Form, render
from service.message.news import NEWS_OF_TRACKS, news_words, red_lines, took_words, track_lines
from service.message.sanitize import safe_url, truncate
from service.message.status_text import group_by_reason, join_words, severity, status_words, trigger_sentence
from service.message.truncate import fit_story
from service.model import Actor, DetailKind, Details, Event, Headline, Mention, Message, MessageFacts, Vcs
from service.text import capitalize_first

MAX_TITLE_LENGTH = 250
TEST_TITLE = "Test message from Roundsman"
MAX_BODY_LENGTH = 3500  # what Slack shows without folding it away


NO_FACTS = MessageFacts()


def compose(
    event: Event, details: Details | None, *, event_url: str | None = None, facts: MessageFacts = NO_FACTS
) -> Message:
    """Return the message of an event in every form, with the details that are known.

    event_url   our page about the event, which shows the decisions: "Why did I get this?"
    """
    known = details or Details()
    filled = [block for block in _blocks(event, known, facts) if block.lines]
    story = (*(filled or [_minimal_block(event)]), *_event_link(event_url))
    return Message(
        title=truncate(plain_text(_title(event, known, facts)), MAX_TITLE_LENGTH),
        text=fit_story(story, lambda shorter: render(shorter, Form.TEXT), max_length=MAX_BODY_LENGTH),
        markdown=fit_story(story, lambda shorter: render(shorter, Form.MARKDOWN), max_length=MAX_BODY_LENGTH),
        html=render(story, Form.HTML),
        severity=severity(event.status),
        headline=_headline(event, known, facts),
        subject=_subject(event, known),
        story=story,
        url=safe_url(event.workflow.url),
        page=safe_url(event_url),
        news=facts.news,
        mentions=facts.mentions,
        buttons=tuple(_buttons(event, known, facts)),
    )


def with_story(message: Message, story: tuple[Block, ...]) -> Message:
    """Return a message with another story, in every form."""
    return replace(
        message,
        story=story,
        text=fit_story(story, lambda shorter: render(shorter, Form.TEXT), max_length=MAX_BODY_LENGTH),
        markdown=fit_story(story, lambda shorter: render(shorter, Form.MARKDOWN), max_length=MAX_BODY_LENGTH),
        html=render(story, Form.HTML),
    )


def compose_test(receiver: str, channel: str) -> Message:
    """Return the message that tests a channel; it says that no build has failed."""
    lines = (
        ("This is a test of the channel ", *untrusted(channel), ": no build has failed, and nothing is to be done."),
        ("It was sent by ", *untrusted(f"roundsman receivers test {receiver}"), "."),
    )
    story = (Block(lines=lines),)
    return Message(
        title=TEST_TITLE,
        text=render(story, Form.TEXT),
        markdown=render(story, Form.MARKDOWN),
        html=render(story, Form.HTML),
        severity="info",
        story=story,
    )


def _headline(event: Event, details: Details, facts: MessageFacts) -> Headline:
    where = _branch_or_tag(event, details.vcs or Vcs())
    place = where if where[:1] == ("tag ",) or not where else ("branch ", *where)
    news = _capitalized(_news(event, details, facts))
    project = untrusted(event.project_name, 100) or ("a project",)
    return Headline(project=plain_text(project), place=plain_text(place), news=plain_text(news))


def _news(event: Event, details: Details, facts: MessageFacts) -> Line:
    """Return ``broke: 3 tests fail in unit-tests``, or ``build-and-test failed``."""
    if facts.news in NEWS_OF_TRACKS:
        return news_words(event, details, facts.news)
    return (*_subject_name(event), " ", *status_words(event.status))


def _buttons(event: Event, details: Details, facts: MessageFacts) -> Iterator[Link]:
    """Yield the links that a reader wants next, the first one to the logs."""
    failed = [job.url for job in failed_jobs(details.jobs or ()) if safe_url(job.url)]
    links = [("View job", failed[0])] if failed else [("View workflow", event.workflow.url)]
    for words, url in (*links, ("Compare with last green", facts.compare_url)):
        if safe := safe_url(url):
            yield Link(words=(words,), url=safe)


def _subject(event: Event, details: Details) -> str:
    """Return the subject: one for all runs of a workflow or job on a branch or tag."""
    vcs, job = details.vcs or Vcs(), (event.job.name or "") if event.job else None
    facts = [event.project.slug, event.tag or vcs.tag, event.branch or vcs.branch, event.workflow.name, job]
    return json.dumps([event.kind, *facts])


def _blocks(event: Event, details: Details, facts: MessageFacts) -> Iterator[Block]:
    first = _run_line(event, facts) if facts.news in NEWS_OF_TRACKS else _first_line(event, details, facts)
    lines = (
        *facts.notes,
        first,
        *track_lines(event, facts),
        *red_lines(event, facts),
        _author_line(event, details),
        _pull_request_line(event, details),
        trigger_sentence(event.trigger),
    )
    yield Block(lines=tuple(line for line in lines if line))
    yield _for_block(facts.mentions)
    if not event.job:  # the first line of a job event links to its one job
        yield jobs_block(details.jobs or ())
    marks = marks_of(facts.red, event.happened_at)
    are_missing = any(missing.want is DetailKind.TESTS for missing in details.missing)
    yield tests_block([job.tests for job in details.jobs or () if job.tests], is_open=are_missing, marks=marks)
    yield from map(step_block, [job for job in details.jobs or () if job.step])
    yield Block(lines=tuple(_missing_lines(event, details)))


def _for_block(mentions: Sequence[Mention]) -> Block:
    """Return the names of the people whom the message is for, literally."""
    names = join([untrusted(mention.name, 80) for mention in mentions], ", ")
    return Block(lines=(("For ", *names, "."),) if names else (), is_for=True)


def _minimal_block(event: Event) -> Block:
    """Return the title's words as a block, for an event without any other details.

    No channel accepts an empty message.
    """
    workflow = _with_kind("workflow", event.workflow.name)
    subject = join([_with_kind("job", event.job.name), workflow], " of ") if event.job else workflow
    return Block(lines=(_capitalized((*subject, " ", *status_words(event.status), ".")),))


def _with_kind(kind: str, name: str | None) -> Words:
    words = untrusted(name, 80)
    return (f"{kind} ", *words) if words else (f"a {kind}",)


def _event_link(event_url: str | None) -> list[Block]:
    return [Block(lines=(link(("Why did I get this?",), event_url),))] if event_url else []


def _title(event: Event, details: Details, facts: MessageFacts) -> Line:
    """Return ``acme/web main broke: lint failed``, or ``acme/web main: build failed``."""
    place = join([untrusted(event.project_name, 100) or ("a project",), _branch_or_tag(event, details.vcs or Vcs())])
    between = " " if facts.news in NEWS_OF_TRACKS else ": "
    return _capitalized((*place, between, *_news(event, details, facts)))


def _subject_name(event: Event) -> Line:
    """Return ``build-and-test``, or ``deploy-web of build-and-test`` for a job."""
    job = (untrusted(event.job.name, 80) or ("a job",)) if event.job else ()
    return join([job, untrusted(event.workflow.name, 80) or ("a workflow",)], " of ")


def _branch_or_tag(event: Event, vcs: Vcs) -> Words:
    tag, branch = untrusted(event.tag or vcs.tag, 80), untrusted(event.branch or vcs.branch, 80)
    return ("tag ", *tag) if tag else branch


def _first_line(event: Event, details: Details, facts: MessageFacts) -> Line:
    """Return ``Pipeline 42, after 2 min 05 s.``, linked to the logs.

    The title already says what happened.
    """
    took = took_words(event, facts)
    page = join([_job_page(event, details), _workflow_page(event)], " of ")
    line = join([page, (took,) if took else ()], ", ")
    return _capitalized((*line, ".")) if line else ()


def _run_line(event: Event, facts: MessageFacts) -> Line:
    """Return ``build-and-test #42 after 2 min 05 s.``, linked to the logs.

    The title of such news names no workflow.
    """
    number = f" #{event.pipeline.number}" if event.pipeline.number is not None else ""
    name = link((*(untrusted(event.workflow.name, 80) or ("A workflow",)), number), event.workflow.url)
    took = took_words(event, facts)
    return (*join([name, (took,) if took else ()]), ".")


def _job_page(event: Event, details: Details) -> Line:
    url = next((job.url for job in details.jobs or () if job.url), None) if event.job else None
    return _link_or_nothing("the job", url)


def _workflow_page(event: Event) -> Line:
    number, url = event.pipeline.number, event.workflow.url
    return _link_or_nothing("the workflow", url) if number is None else link((f"pipeline {number}",), url)


def _link_or_nothing(words: str, url: str | None) -> Line:
    return link((words,), url) if safe_url(url) else ()


def _capitalized(line: Line) -> Line:
    """Return the line with our own first word capitalized.

    Untrusted text at the start of a line stays as it is.
    """
    match line:
        case (str() as first, *rest):
            return (capitalize_first(first), *rest)
        case (Link(words=(str() as first, *rest), url=url), *others):
            return (Link(words=(capitalize_first(first), *rest), url=url), *others)
    return line


def _author_line(event: Event, details: Details) -> Line:
    """Return ``By Ada Example, commit 1a2b3c4 Fix the cart`` or the commit's author.

    Without an actor: ``Last commit by Ada Example: 1a2b3c4 Fix the cart``.

    A commit's author may not have started the build. CircleCI names a user for a schedule, who did not start it either.
    """
    actor = Actor() if event.is_scheduled else details.actor or event.actor
    vcs = details.vcs or Vcs()
    person, author = untrusted(actor.name or actor.login, 80), untrusted(event.commit.author_name, 80)
    sha = link(untrusted((event.revision or vcs.revision or "")[:7]), event.commit.url)
    commit = join([sha, untrusted(event.commit.subject or vcs.subject)])
    if author and not person:
        return join([("Last commit by ", *author), commit], ": ")
    return _capitalized(join([("by ", *person) if person else (), ("commit ", *commit) if commit else ()], ", "))


def _pull_request_line(event: Event, details: Details) -> Line:
    """Return ``Pull request #12.``, linked to its page."""
    found = event.pull_request if event.pull_request.is_known else details.pull_request
    if found is None or not found.is_known:
        return ()
    number = f" #{found.number}" if found.number is not None else ""
    line = link((f"Pull request{number}",), found.url)
    return (*line, ".") if number or safe_url(found.url) else ()


def _known_detail_names(event: Event) -> set[str]:
    """Return the names of details that the webhook holds, which need not be asked for."""
    facts = {"branch": event.branch or event.tag, "commit": event.commit.subject}
    return {word for word, fact in facts.items() if fact}


def _missing_lines(event: Event, details: Details) -> Iterator[Line]:
    """Yield lines like ``Jobs and tests could not be read: CircleCI answered 503.``.

    Details that are missing by choice are left out, and so is the actor of a scheduled run, which has none.
    """
    missed = [one for one in details.missing if not one.is_by_choice]
    if event.is_scheduled:
        missed = [one for one in missed if one.want is not DetailKind.ACTOR]
    for reason, wanted in group_by_reason(missed).items():
        if unknown := [word for word in wanted if word not in _known_detail_names(event)]:
            yield _capitalized((f"{join_words(unknown)} could not be read: ", *untrusted(reason), "."))
