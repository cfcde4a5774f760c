"""A message of several news: their number, and a line with a link for each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.message.blocks import Block, Line, Words, join, link, plain_text, untrusted
from service.message.failures import failed_jobs
from service.message.news import NEWS_OF_RED, NEWS_OF_TRACKS, failure_words
from service.message.own import compose_story
from service.message.sanitize import safe_url
from service.message.status_text import age, severity, status_words
from service.model import Details, Event, EventKind, Message, News
from service.model.same_names import marked_events
from service.text import capitalize_first

MAX_LINES = 20
MAX_PROJECTS = 5
SEVERITIES = ("failure", "warning", "info", "success")
"""The severities, the worst first."""
HEADINGS = {
    News.BROKE: "Broke",
    News.STILL_BROKEN: "Still red",
    News.FIXED: "Fixed",
    News.PASSED: "Passed",
}
COUNTED = {
    News.BROKE: ("broke", "broke"),
    News.STILL_BROKEN: ("is still red", "are still red"),
    News.FIXED: ("was fixed", "were fixed"),
    News.PASSED: ("passed", "passed"),
}
"""The words of one, and of several."""


@dataclass(frozen=True, kw_only=True)
class JointItem:
    """One of the news that a message tells.

    page   ours about it: "Why did I get this?"
    """

    event: Event
    details: Details | None
    news: News
    page: str | None = None

    @property
    def kind(self) -> str:
        """Return the kind that is counted: the news, or the status of a single run."""
        return self.news if self.news in COUNTED else plain_text(status_words(self.event.status))


def compose_items(
    items: Sequence[JointItem], *, title: str | None = None, lead: str | None = None, page: str | None = None
) -> Message:
    """Return the message of news in every form.

    title   in place of the one that counts them
    lead    our sentence that comes first
    page    ours about all of them
    """
    in_order = sorted(_told_apart(items), key=lambda one: _rank(one.event))
    words = title or plain_text((*_counts(in_order), *_where(in_order)))
    first = Block(lines=tuple(line for line in ((lead,) if lead else (), _projects(in_order)) if line))
    blocks = [block for block in (first, *_lists(in_order)) if block.lines or block.heading]
    shown = [severity(one.event.status) for one in items]
    worst = next((one for one in SEVERITIES if one in shown), "info")
    return compose_story(words, blocks, severity=worst, page=page)


def _told_apart(items: Sequence[JointItem]) -> list[JointItem]:
    """Return the news with projects of one name called so that they differ."""
    marked = marked_events(one.event for one in items)
    return [replace(one, event=event) for one, event in zip(items, marked, strict=True)]


def _rank(event: Event) -> int:
    """Return the place of an event by its severity, the worst first."""
    return SEVERITIES.index(severity(event.status))


def _counts(items: Sequence[JointItem]) -> Line:
    """Return ``3 workflows broke, 2 were fixed``."""
    counts = Counter(one.kind for one in items)
    parts = []
    for number, (kind, count) in enumerate(counts.items()):
        noun = f" {_noun(items, count)}" if number == 0 else ""
        parts.append(f"{count}{noun} {_verb(kind, count)}")
    return (", ".join(parts),)


def _noun(items: Sequence[JointItem], count: int) -> str:
    if all(one.event.job for one in items):
        noun = "job"
    else:
        noun = "workflow" if all(one.news in NEWS_OF_TRACKS for one in items) else "run"
    return noun if count == 1 else f"{noun}s"


def _verb(kind: str, count: int) -> str:
    verbs = COUNTED.get(News(kind)) if kind in set(News) else None
    if verbs:
        return verbs[count != 1]
    return kind if count == 1 else kind.replace("was ", "were ", 1)


def _where(items: Sequence[JointItem]) -> Line:
    """Return `` in acme/web main``, or `` in 3 projects``."""
    places = {(one.event.project_name, _branch(one.event)) for one in items}
    projects = {project for project, _ in places}
    if len(projects) > 1:
        return (f" in {len(projects)} projects",)
    [(project, branch), *others] = places
    named = untrusted(project, 100) or ("a project",)
    return (" in ", *named, *((" ", *branch) if branch and not others else ()))


def _projects(items: Sequence[JointItem]) -> Line:
    """Return the names of several projects: ``In acme/api, acme/web.``"""
    names = list(dict.fromkeys(one.event.project_name or "a project" for one in items))
    if len(names) < 2:
        return ()
    more = len(names) - MAX_PROJECTS
    shown = [untrusted(name, 100) for name in sorted(names)[:MAX_PROJECTS]]
    return ("In ", *join(shown, ", "), f" and {more} more." if more > 0 else ".")


def _lists(items: Sequence[JointItem]) -> Iterator[Block]:
    """Yield a list for each kind of news; of all together MAX_LINES are named."""
    room = MAX_LINES
    for kind in dict.fromkeys(one.kind for one in items):
        some = [one for one in items if one.kind == kind]
        heading = HEADINGS.get(News(kind), kind) if kind in set(News) else capitalize_first(kind)
        named = some[: max(room, 1)]
        room -= len(named)
        yield Block(heading=(heading,), lines=tuple(map(_line, named)), more=len(some) - len(named))


def _line(item: JointItem) -> Line:
    """Return ``acme/web main build-and-test #42: 3 tests fail in unit-tests``."""
    event = item.event
    project = untrusted(event.project_name or event.org, 100) or ("a project",)
    is_of_settings = event.kind is EventKind.SETTINGS_CHANGED
    name = untrusted(event.workflow.name, 80) or ("settings" if is_of_settings else "a workflow",)
    job = untrusted(event.job.name, 80) if event.job else ()
    number = (f"#{event.pipeline.number}",) if event.pipeline.number is not None else ()
    words: Words = join((project, _branch(event), name, job, number))  # type: ignore[assignment]  # reason: all are words
    place = link(words, event.workflow.url if safe_url(event.workflow.url) else item.page)
    more = _more(item)
    return (*place, ": ", *more) if more else place


def _branch(event: Event) -> Words:
    tag = untrusted(event.tag, 80)
    return ("tag ", *tag) if tag else untrusted(event.branch, 80)


def _more(item: JointItem) -> Line:
    """Return what is known of one of the news beyond its kind."""
    event, details = item.event, item.details or Details()
    since = event.run.since if event.run else None
    if item.news is News.FIXED:
        return (f"red for {age(event.happened_at - since)}",) if since else ()
    if item.news in NEWS_OF_RED or severity(event.status) == "failure":
        return failure_words(event, details) if failed_jobs(details.jobs or ()) else ()
    return ()
