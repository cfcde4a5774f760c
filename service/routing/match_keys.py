"""Match keys: one entry for each key under ``match:`` of a route.

The schema of roundsman.yaml and its documentation, the decisions, the details to ask for, the warnings of ``check``,
``routes test --set``, and the filters of the builds page, the API and ``events list`` are made from these entries: to
add a key, add an entry.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from service.model import Actor, Commit, DetailKind, Event, EventKind, Job, Project, slug_spellings
from service.routing.match_key import Fact, MatchKey, SearchFilter, to_fact
from service.routing.run_fact_keys import RUN_FACT_KEYS
from service.routing.run_match_keys import RUN_KEYS

SLUG = re.compile("(?P<vcs>[^/]+)/(?P<org>[^/]+)/(?P<name>.+)")


def _project(event: Event) -> Fact:
    """Return the slug in every spelling, and the name that messages and pages show."""
    slug, name = event.project.slug, event.project_name
    spellings = slug_spellings(slug) if slug is not None else ()
    every = to_fact(name, *spellings)
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


def _find_actor(event: Event) -> frozenset[DetailKind]:
    return frozenset({DetailKind.ACTOR} if event.actor.login is None and event.actor.name is None else ())


def _find_ref(event: Event) -> frozenset[DetailKind]:
    """Return the detail that holds branch and tag; nothing if one of them is known.

    A pipeline has one of them: if one is known, the other is known to be absent.
    """
    return frozenset({DetailKind.VCS} if event.branch is None and event.tag is None else ())


_ENTRIES: Iterable[MatchKey] = (
    MatchKey(
        name="event",
        sentence="`workflow-completed`, `job-completed`, `workflow-held`, `settings-changed` or a list of them; "
        "without it, workflows only",
        read=lambda event: to_fact(event.kind),
        put=lambda event, kind: replace(event, kind=EventKind(kind or "")),
    ),
    MatchKey(
        name="org",
        sentence="the organization's name",
        read=lambda event: to_fact(event.org),
        put=lambda event, org: replace(event, org=org),
        search=SearchFilter(columns=("org",), sentence="the organization's name"),
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
            sentence="the project's slug, gh/acme/web and github/acme/web alike, or its name: acme/web, web",
        ),
    ),
    MatchKey(
        name="branch",
        sentence="the branch; absent when a tag was built",
        read=lambda event: to_fact(event.branch),
        put=lambda event, branch: replace(event, branch=branch),
        find_details=_find_ref,
        search=SearchFilter(
            columns=("branch",),
            sentence="the branch",
        ),
    ),
    MatchKey(
        name="tag",
        sentence='the tag; absent when a branch was built, so `"!*"` is any branch',
        read=lambda event: to_fact(event.tag),
        put=lambda event, tag: replace(event, tag=tag),
        find_details=_find_ref,
        search=SearchFilter(columns=("tag",), sentence="the tag"),
    ),
    MatchKey(
        name="workflow",
        sentence="the workflow's name",
        read=lambda event: to_fact(event.workflow.name),
        put=lambda event, name: replace(event, workflow=replace(event.workflow, name=name)),
        may_hold_brackets=True,
        search=SearchFilter(columns=("workflow_name",), sentence="the workflow's name"),
    ),
    MatchKey(
        name="job",
        sentence="the job's name; needs `event: job-completed`",
        read=lambda event: to_fact(event.job.name if event.job else None),
        put=_put_job,
        needs_jobs=True,
        may_hold_brackets=True,
        search=SearchFilter(columns=("job_name",), sentence="the job's name"),
    ),
    MatchKey(
        name="status",
        sentence="`success`, `failed`, `error`, `canceled`, `unauthorized`, or a status that CircleCI adds later",
        read=lambda event: to_fact(event.status),
        put=lambda event, status: replace(event, status=status),
        search=SearchFilter(
            columns=("status",),
            sentence="one of success, failed, error, canceled, unauthorized or not_run",
            values=("failed", "error", "success", "canceled", "unauthorized", "not_run"),
        ),
    ),
    *RUN_KEYS,
    *RUN_FACT_KEYS,
    MatchKey(
        name="trigger",
        sentence="the trigger of the pipeline: `webhook`, `api`, `schedule` and others",
        read=lambda event: to_fact(event.trigger),
        put=lambda event, trigger: replace(event, trigger=trigger),
        search=SearchFilter(
            columns=("trigger",),
            sentence="the trigger of the pipeline: webhook, api, schedule and others",
        ),
    ),
    MatchKey(
        name="actor",
        sentence="login or name of the person who started the workflow; needs the CircleCI token",
        read=lambda event: to_fact(event.actor.login, event.actor.name),
        put=lambda event, login: replace(event, actor=Actor(login=login)),
        find_details=_find_actor,
        may_hold_brackets=True,
        search=SearchFilter(
            columns=("actor_login", "actor_name"),
            sentence="login or name of the person who started it, known where CircleCI was asked",
        ),
    ),
    MatchKey(
        name="author",
        sentence="name or e-mail address of the commit's author",
        read=lambda event: to_fact(event.commit.author_name, event.commit.author_email),
        put=lambda event, name: replace(event, commit=Commit(author_name=name)),
        may_hold_brackets=True,
        search=SearchFilter(
            columns=("commit_author_name", "commit_author_email"),
            sentence="name or e-mail address of the commit's author",
        ),
    ),
)
MATCH_KEYS = {key.name: key for key in _ENTRIES}
"""The entries by name, in the order of the documentation."""

JUDGED_KEYS = frozenset(name for name, key in MATCH_KEYS.items() if key.is_judged)
"""The names of those that are known once the run was judged."""

FACT_KEYS = frozenset(name for name, key in MATCH_KEYS.items() if key.is_worked_out)
"""The names of those that are worked out where a route or a silence asks for them."""

SEARCH_FILTERS: Mapping[str, SearchFilter] = {name: key.search for name, key in MATCH_KEYS.items() if key.search}
"""The filters of events by name, in the same order."""


def read_facts(event: Event, names: Iterable[str] = MATCH_KEYS) -> dict[str, Fact]:
    """Return the value of an event under every key, or under these."""
    return {name: MATCH_KEYS[name].read(event) for name in names}


def findable_details(event: Event) -> dict[str, frozenset[DetailKind]]:
    """Return, for each key with an absent value, the details that could fill it in."""
    found = {name: key.find_details(event) for name, key in MATCH_KEYS.items()}
    return {name: details for name, details in found.items() if details}
