"""Match keys: one entry for each key under ``match:`` of a route.

The schema of roundsman.yaml and its documentation, the decisions, the details to ask for, the warnings of ``check``,
``routes test --set``, and the filters of the builds page, the API and ``events list`` are made from these entries: to
add a key, add an entry.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from service.errors import BadRequest
from service.model import (
    Actor,
    Color,
    Commit,
    DetailKind,
    Event,
    EventKind,
    Job,
    Project,
    RunState,
    Transition,
    color_of,
    slug_spellings,
)
from service.routing.patterns import to_nfc
from service.routing.tracks import alone_transition

SLUG = re.compile("(?P<vcs>[^/]+)/(?P<org>[^/]+)/(?P<name>.+)")


@dataclass(frozen=True)
class Fact:
    """The value of an event under one key.

    shown       the spelling to show to people; empty for an absent value
    spellings   every spelling that a pattern may fit, in NFC; none for an absent value
    amount      of a key with units: the number to compare, a time in seconds
    """

    shown: str
    spellings: tuple[str, ...]
    amount: float | None = None


def _nothing_to_ask(_: Event) -> DetailKind | None:
    return None


@dataclass(frozen=True, kw_only=True)
class SearchFilter:
    """The filter by a key: on the builds page, in the API and in ``events list``.

    columns        the columns of the table of events that hold the spellings of a value
    label          its label on the page
    sentence       its documentation
    placeholder    an example for the page
    values         the values to choose from; else any text
    is_prominent   whether the page shows it at once, and not among "More filters"
    """

    columns: tuple[str, ...]
    label: str
    sentence: str
    placeholder: str = ""
    values: tuple[str, ...] = ()
    is_prominent: bool = False


@dataclass(frozen=True, kw_only=True)
class MatchKey:
    """One key under ``match:``.

    sentence           its documentation
    read               returns the value of an event under it
    put                returns the event with another value; None for an absent one
    find_detail        returns the detail that could fill in an absent value of this event; None if there is none
    needs_jobs         only jobs have this fact: a route that tests it must match job events
    units              of an amount, whose patterns are comparisons such as ``>= 3``; none for a text
    is_judged          it is known once the run was judged, and not before
    may_hold_brackets  real values may hold a [, which opens a set in a pattern; git refuses names of refs with one
    search             its filter of events; None: events are not searched by it
    """

    name: str
    sentence: str
    read: Callable[[Event], Fact]
    put: Callable[[Event, str | None], Event]
    find_detail: Callable[[Event], DetailKind | None] = _nothing_to_ask
    needs_jobs: bool = False
    units: tuple[str, ...] = ()
    is_judged: bool = False
    may_hold_brackets: bool = False
    search: SearchFilter | None = None


def _fact(*spellings: str | None) -> Fact:
    known = dict.fromkeys(spelling for spelling in spellings if spelling is not None)
    return Fact(" / ".join(known), tuple(map(to_nfc, known)))


def _project(event: Event) -> Fact:
    """Return the slug in every spelling, and the name that messages and pages show."""
    slug, name = event.project.slug, event.project_name
    spellings = slug_spellings(slug) if slug is not None else ()
    every = _fact(name, *spellings)
    return Fact(spellings[0], every.spellings) if len(spellings) > 1 else every


def _put_project(event: Event, slug: str | None) -> Event:
    """Set the slug, and the name and organization that a webhook has beside it.

    A slug of codes (``circleci/...``) holds neither of them.
    """
    found = SLUG.fullmatch(slug or "")
    if found is None or found["vcs"] == "circleci":
        return replace(event, project=Project(slug=slug))
    return replace(event, org=found["org"], project=Project(slug=slug, name=found["name"]))


def _put_job(event: Event, name: str | None) -> Event:
    return replace(event, kind=EventKind.JOB_COMPLETED, job=replace(event.job or Job(), name=name))


def _find_actor(event: Event) -> DetailKind | None:
    return DetailKind.ACTOR if event.actor.login is None and event.actor.name is None else None


def _transition(event: Event) -> Fact:
    """Return the transition of a workflow's run.

    Before the run is judged, it is taken to stand alone.
    """
    if event.kind is not EventKind.WORKFLOW_COMPLETED:
        return _fact(None)
    transition = event.run.transition if event.run else alone_transition(color_of(event.status))
    return _fact(None if transition is Transition.NONE else transition)


def _streak(event: Event) -> Fact:
    """Return the number of reds in a row that a run is part of, or ended."""
    if event.kind is not EventKind.WORKFLOW_COMPLETED:
        return _fact(None)
    streak = event.run.streak if event.run else int(color_of(event.status) is Color.RED)
    return Fact(str(streak), (str(streak),), float(streak)) if streak else _fact(None)


def _put_streak(event: Event, streak: str | None) -> Event:
    """Set the streak of a run that is red. Raises BadRequest for no whole number."""
    if streak is not None and not re.fullmatch(r"\d{1,9}", streak):
        raise BadRequest(f"{streak!a} is not a streak; write the number of red runs in a row, such as 3")
    red = _put_transition(event, Transition.STILL_BROKEN if int(streak or 0) > 1 else Transition.BROKE)
    return replace(red, run=replace(red.run, streak=int(streak or 0))) if red.run else red


def _put_transition(event: Event, transition: str | None) -> Event:
    """Set the transition. Raises BadRequest for a word that is none."""
    known = [one for one in Transition if one is not Transition.NONE]
    if transition is not None and transition not in known:
        raise BadRequest(f"{transition!a} is not a transition; there are {', '.join(known)}")
    color = color_of(event.status)
    run = event.run or RunState(run_id=event.id, event_id=event.id, track_id=0, color=color, transition=Transition.NONE)
    return replace(event, run=replace(run, transition=Transition(transition or Transition.NONE)))


def _find_ref(event: Event) -> DetailKind | None:
    """Return the detail that holds branch and tag; None if one of them is known.

    A pipeline has one of them: if one is known, the other is known to be absent.
    """
    return DetailKind.VCS if event.branch is None and event.tag is None else None


_ENTRIES: Iterable[MatchKey] = (
    MatchKey(
        name="event",
        sentence="`workflow-completed`, `job-completed` or a list of both; without it, workflows only",
        read=lambda event: _fact(event.kind),
        put=lambda event, kind: replace(event, kind=EventKind(kind or "")),
    ),
    MatchKey(
        name="org",
        sentence="the organization's name",
        read=lambda event: _fact(event.org),
        put=lambda event, org: replace(event, org=org),
        search=SearchFilter(columns=("org",), label="Organization", sentence="the organization's name"),
    ),
    MatchKey(
        name="project",
        sentence="the project's slug, like `gh/acme/web`; `gh/` and `github/` are the same, `bb/` and `bitbucket/` "
        "too. Any project also goes by organization and name, like `acme/web`: the only way where slugs are opaque "
        "(`circleci/...`)",
        read=_project,
        put=_put_project,
        search=SearchFilter(
            columns=("project_slug", "project_name"),
            label="Project",
            sentence="the project's slug, gh/acme/web and github/acme/web alike, or its name: acme/web, web",
            placeholder="acme/*",
            is_prominent=True,
        ),
    ),
    MatchKey(
        name="branch",
        sentence="the branch; absent when a tag was built",
        read=lambda event: _fact(event.branch),
        put=lambda event, branch: replace(event, branch=branch),
        find_detail=_find_ref,
        search=SearchFilter(
            columns=("branch",),
            label="Branch",
            sentence="the branch",
            placeholder="main, release/*",
            is_prominent=True,
        ),
    ),
    MatchKey(
        name="tag",
        sentence='the tag; absent when a branch was built, so `"!*"` is any branch',
        read=lambda event: _fact(event.tag),
        put=lambda event, tag: replace(event, tag=tag),
        find_detail=_find_ref,
        search=SearchFilter(columns=("tag",), label="Tag", sentence="the tag", placeholder="v2.*"),
    ),
    MatchKey(
        name="workflow",
        sentence="the workflow's name",
        read=lambda event: _fact(event.workflow.name),
        put=lambda event, name: replace(event, workflow=replace(event.workflow, name=name)),
        may_hold_brackets=True,
        search=SearchFilter(columns=("workflow_name",), label="Workflow", sentence="the workflow's name"),
    ),
    MatchKey(
        name="job",
        sentence="the job's name; needs `event: job-completed`",
        read=lambda event: _fact(event.job.name if event.job else None),
        put=_put_job,
        needs_jobs=True,
        may_hold_brackets=True,
        search=SearchFilter(columns=("job_name",), label="Job", sentence="the job's name"),
    ),
    MatchKey(
        name="status",
        sentence="`success`, `failed`, `error`, `canceled`, `unauthorized`, or a status that CircleCI adds later",
        read=lambda event: _fact(event.status),
        put=lambda event, status: replace(event, status=status),
        search=SearchFilter(
            columns=("status",),
            label="Status",
            sentence="one of success, failed, error, canceled, unauthorized or not_run",
            values=("failed", "error", "success", "canceled", "unauthorized", "not_run"),
            is_prominent=True,
        ),
    ),
    MatchKey(
        name="transition",
        sentence="the run's effect on its branch: `broke`, `still_broken`, `fixed` or `passed`; without it a route "
        "hears what broke and was fixed, unless it matches everything or by `status`, `tag` or `event: job-completed`: "
        "such a route hears every run that fits",
        read=_transition,
        put=_put_transition,
        is_judged=True,
    ),
    MatchKey(
        name="streak",
        sentence='the number of red runs in a row, such as `">= 3"`: the first red that fits is told as broke, and '
        "what was told is told when it is fixed",
        read=_streak,
        put=_put_streak,
        units=("",),
        is_judged=True,
    ),
    MatchKey(
        name="trigger",
        sentence="the trigger of the pipeline: `webhook`, `api`, `schedule` and others",
        read=lambda event: _fact(event.trigger),
        put=lambda event, trigger: replace(event, trigger=trigger),
        search=SearchFilter(
            columns=("trigger",),
            label="Trigger",
            sentence="the trigger of the pipeline: webhook, api, schedule and others",
            placeholder="schedule",
        ),
    ),
    MatchKey(
        name="actor",
        sentence="login or name of the person who started the workflow; needs the CircleCI token",
        read=lambda event: _fact(event.actor.login, event.actor.name),
        put=lambda event, login: replace(event, actor=Actor(login=login)),
        find_detail=_find_actor,
        may_hold_brackets=True,
        search=SearchFilter(
            columns=("actor_login", "actor_name"),
            label="Started by",
            sentence="login or name of the person who started it, known where CircleCI was asked",
            placeholder="login or name",
        ),
    ),
    MatchKey(
        name="author",
        sentence="name or e-mail address of the commit's author",
        read=lambda event: _fact(event.commit.author_name, event.commit.author_email),
        put=lambda event, name: replace(event, commit=Commit(author_name=name)),
        may_hold_brackets=True,
        search=SearchFilter(
            columns=("commit_author_name", "commit_author_email"),
            label="Commit by",
            sentence="name or e-mail address of the commit's author",
            placeholder="name or e-mail",
        ),
    ),
)
MATCH_KEYS = {key.name: key for key in _ENTRIES}
"""The entries by name, in the order of the documentation."""

JUDGED_KEYS = frozenset(name for name, key in MATCH_KEYS.items() if key.is_judged)
"""The names of those that are known once the run was judged."""

SEARCH_FILTERS: Mapping[str, SearchFilter] = {name: key.search for name, key in MATCH_KEYS.items() if key.search}
"""The filters of events by name, in the same order."""


def read_facts(event: Event) -> dict[str, Fact]:
    """Return the value of an event under every key."""
    return {name: key.read(event) for name, key in MATCH_KEYS.items()}


def findable_details(event: Event) -> dict[str, DetailKind]:
    """Return, for each key with an absent value, the detail that could fill it in."""
    found = {name: key.find_detail(event) for name, key in MATCH_KEYS.items()}
    return {name: detail for name, detail in found.items() if detail is not None}
