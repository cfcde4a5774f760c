"""The workflows that a page is about: of a project, an organization, a team."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from service.model import Event, EventKind, Matcher, Person, Pipeline, Project, Route, Track, Workflow, slug_spellings
from service.operations.overviews.workflow_states import BranchWorkflow, organization, project_name
from service.routing.decide import fits, own_matchers
from service.routing.match_keys import read_facts
from service.routing.patterns import compile_pattern, to_nfc
from service.routing.reach import TRACK_KEYS

PROJECT_KEYS = frozenset({"org", "project"})
"""The match keys whose values are the same for each run of a project."""
_NO_ID = UUID(int=0)
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class WorkflowFilter:
    """The workflows to show; None: all.

    project        a glob of slugs or names, in any case
    organization   the first part of their names
    team           a receiver that a route for them names
    person         those whose red began with a commit of this person, or that the person has taken
    """

    project: str | None = None
    organization: str | None = None
    team: str | None = None
    person: str | None = None


def choose(
    workflows: Iterable[BranchWorkflow], wanted: WorkflowFilter, routes: Sequence[Route]
) -> list[BranchWorkflow]:
    """Return the workflows that a filter keeps; ``person`` is not looked at."""
    chosen = list(workflows)
    if wanted.organization:
        name = wanted.organization.casefold()
        chosen = [one for one in chosen if (organization(one.track) or "").casefold() == name]
    if wanted.project:
        is_named = compile_pattern(wanted.project.casefold())
        chosen = [one for one in chosen if any(map(is_named, _spellings(one.track)))]
    if wanted.team:
        theirs = [_of_track(route) for route in routes if route.receiver == wanted.team]
        chosen = [one for one in chosen if _is_heard(one.track, theirs)]
    return chosen


def teams(routes: Iterable[Route]) -> list[str]:
    """Return the receivers that routes name, in order, each once."""
    return list(dict.fromkeys(route.receiver for route in routes))


def organizations(workflows: Iterable[BranchWorkflow]) -> list[str]:
    """Return the organizations of workflows by name."""
    return sorted({name for one in workflows if (name := organization(one.track))})


def is_by(person: str, event: Event | None, people: Iterable[Person]) -> bool:
    """Return whether a person made the commit of an event, or started it.

    person   a name of roundsman.yaml, or the name, login or e-mail address itself
    """
    if event is None:
        return False
    names = {person.casefold()}
    for one in people:
        if one.name.casefold() == person.casefold():
            names |= {name.casefold() for name in (*one.circleci, *one.vcs, one.email or "") if name}
    commit, actor = event.commit, event.actor
    given = (commit.author_name, commit.author_email, actor.login, actor.name, actor.id)
    return any(name is not None and name.casefold() in names for name in given)


def _spellings(track: Track) -> list[str]:
    name = project_name(track)
    slugs = slug_spellings(track.project_slug) if track.project_slug else ()
    return [to_nfc(one).casefold() for one in (name, name.rpartition("/")[2], *slugs)]


def routes_for(track: Track, routes: Iterable[Route]) -> list[Route]:
    """Return the routes that may hear of the project of a track."""
    theirs = ((route, [one for one in route.matchers if one.key in PROJECT_KEYS]) for route in routes)
    return [route for route, matchers in theirs if _is_heard(track, [matchers])]


def _of_track(route: Route) -> tuple[Matcher, ...]:
    return tuple(matcher for matcher in own_matchers(route) if matcher.key in TRACK_KEYS)


def _is_heard(track: Track, theirs: Iterable[Sequence[Matcher]]) -> bool:
    """Return whether one of these routes may hear of a track."""
    name = project_name(track)
    event = Event(
        id=_NO_ID,
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="",
        happened_at=_NO_TIME,
        received_at=_NO_TIME,
        org=organization(track),
        project=Project(id=track.project_id, slug=track.project_slug, name=name),
        pipeline=Pipeline(),
        workflow=Workflow(name=track.workflow),
        branch=track.branch,
    )
    facts = read_facts(event, TRACK_KEYS)
    return any(all(fits(one, facts[one.key]) for one in each) for each in theirs)
