"""Events and routes to judge them by: a few of one failed workflow, and any that hypothesis can think of."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st

from service.model import Actor, Commit, Event, EventKind, Job, Matcher, Project, Route, Workflow
from service.routing.match_keys import MATCH_KEYS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FAILED = Event(
    id=UUID(int=1),
    kind=EventKind.WORKFLOW_COMPLETED,
    source_event_id="3888f21b-eaa7-38e3-8f3d-75a63bba8895",
    happened_at=NOON,
    received_at=NOON,
    org="acme",
    project=Project(slug="github/acme/web", name="web"),
    workflow=Workflow(name="build", status="failed"),
    status="failed",
    branch="main",
    commit=Commit(author_name="Ada Example", author_email="ada@example.com"),
    actor=Actor(login="ada", name="Ada Example"),
    trigger="webhook",
)
JOB = replace(FAILED, kind=EventKind.JOB_COMPLETED, job=Job(name="deploy-prod", status="failed"))
PING = replace(FAILED, kind=EventKind.PING)
UNPLACED = replace(FAILED, branch=None, tag=None)
UNSIGNED = replace(FAILED, actor=Actor())

SAMPLE_VALUES = {name: f"some {name}" for name in MATCH_KEYS} | {
    "event": "job-completed",
    "project": "gh/some/project",
    "transition": "still_broken",
    "streak": "3",
    "flaky": "true",
    "known_problem": "true",
    "new_failure": "false",
    "duration": "25m",
    "slower": "1.7x",
    "queue": "1h 2m 3s",
    "class": "infrastructure",
    "pr": "41",
}
"""A value of each match key, as ``routes test --set`` has it."""


def matcher(key: str, *written: str) -> Matcher:
    """A matcher, written as in roundsman.yaml: a leading ``!`` excludes."""
    return Matcher(
        key=key,
        patterns=tuple(pattern for pattern in written if not pattern.startswith("!")),
        excluded=tuple(pattern[1:] for pattern in written if pattern.startswith("!")),
    )


def route(name: str = "route 1", /, **match: str | list[str]) -> Route:
    """A route to ``team``, its matchers written as in roundsman.yaml."""
    matchers = [matcher(key, *([written] if isinstance(written, str) else written)) for key, written in match.items()]
    return Route(name=name, receiver="team", matchers=tuple(matchers))


def continuing(name: str) -> Route:
    return replace(route(name), continues=True)


at_any_pace = settings(deadline=None)
TEXT = st.text(max_size=12)
EVENTS = st.builds(
    Event,
    id=st.just(UUID(int=3)),
    kind=st.sampled_from(EventKind),
    source_event_id=st.just("x"),
    happened_at=st.just(NOON),
    received_at=st.just(NOON),
    org=st.none() | TEXT,
    project=st.builds(Project, slug=st.none() | TEXT | TEXT.map("gh/".__add__), name=st.none() | TEXT),
    status=st.none() | TEXT,
    branch=st.none() | TEXT,
    tag=st.none() | TEXT,
    actor=st.builds(Actor, login=st.none() | TEXT),
)
PATTERNS = st.lists(st.text("ab/*?[]!-^\\", min_size=1, max_size=6), max_size=3).map(tuple)
MATCHERS = st.builds(Matcher, key=st.sampled_from(list(MATCH_KEYS)), patterns=PATTERNS, excluded=PATTERNS)
ROUTES = st.lists(st.builds(Route, name=TEXT, receiver=TEXT, matchers=st.lists(MATCHERS, max_size=3).map(tuple)))
