"""The index of routes leads to the verdicts of testing every route."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.model import Actor, Commit, Event, EventKind, Job, Matcher, Project, Route, Verdict, Workflow
from service.routing.decide import decide, fits, missing_facts, own_matchers
from service.routing.match_keys import MATCH_KEYS, read_facts
from service.routing.reach import TRACK_KEYS
from service.routing.route_index import RouteIndex
from tests.support.example_events import EVENTS, FAILED, JOB, NOON, PATTERNS, PING, ROUTES, UNSIGNED, at_any_pace, route

NAMES = st.sampled_from(["web", "api", "a/b", "gh/acme/web", "acme/web", "[bot]", "a[b", "*", "a*", r"\*", "Å", "Å"])
VALUES = st.none() | NAMES
KNOWN = st.builds(
    Event,
    id=st.just(UUID(int=3)),
    kind=st.sampled_from(EventKind),
    source_event_id=st.just("x"),
    happened_at=st.just(NOON),
    received_at=st.just(NOON),
    org=VALUES,
    project=st.builds(Project, slug=VALUES, name=VALUES),
    workflow=st.builds(Workflow, name=VALUES),
    job=st.none() | st.builds(Job, name=VALUES),
    status=VALUES,
    branch=VALUES,
    tag=VALUES,
    actor=st.builds(Actor, login=VALUES, name=VALUES),
    commit=st.builds(Commit, author_name=VALUES, author_email=VALUES),
    trigger=VALUES,
)
"""Events whose values the patterns below often name."""

NAMED = st.lists(NAMES | st.sampled_from([r"\[bot\]", r"\*", "?eb", "github/acme/*", *EventKind]), max_size=3)
NAMING_MATCHERS = st.builds(
    Matcher, key=st.sampled_from(list(MATCH_KEYS)), patterns=NAMED.map(tuple), excluded=NAMED.map(tuple) | st.just(())
)
NAMING_ROUTES = st.lists(
    st.builds(
        Route,
        name=st.just("r"),
        receiver=st.just("web"),
        matchers=st.lists(NAMING_MATCHERS, max_size=3).map(tuple),
        continues=st.booleans(),
    ),
    max_size=12,
)


def is_as_testing_every_route(event: Event, routes: list[Route]) -> bool:
    """Whether the index gives the verdicts, and the missing facts, of the plain form."""
    index = RouteIndex(routes)
    found = index.verdicts(event)
    plain = [decision.verdict for decision in decide(event, routes)]
    by_index = [found.get(position, Verdict.NOT_MATCHED) for position in range(len(routes))]
    return by_index == plain and index.missing_facts(event) == missing_facts(event, routes)


def check_many(events: st.SearchStrategy[Event], routes: st.SearchStrategy[list[Route]], cases: int) -> None:
    @settings(deadline=None, max_examples=cases, database=None)
    @given(events, routes)
    def check(event: Event, some: list[Route]) -> None:
        assert is_as_testing_every_route(event, some)

    check()


@pytest.mark.long
def test_events_and_routes_of_the_same_names_get_the_verdicts_of_testing_every_route(is_long: bool) -> None:
    check_many(KNOWN, NAMING_ROUTES, 5_000 if is_long else 50)


@pytest.mark.long
@at_any_pace
@given(EVENTS, ROUTES)
def test_any_events_and_routes_get_the_verdicts_of_testing_every_route(event: Event, routes: list[Route]) -> None:
    assert is_as_testing_every_route(event, routes)


@pytest.mark.long
@at_any_pace
@given(KNOWN, PATTERNS)
def test_a_pattern_that_equals_a_value_is_found(event: Event, patterns: tuple[str, ...]) -> None:
    matchers = tuple(Matcher(key=key, patterns=patterns) for key in ("branch", "workflow"))

    assert is_as_testing_every_route(event, [Route(name="r", receiver="web", matchers=matchers)])


def test_routes_that_name_another_project_are_not_tested() -> None:
    routes = [route(f"team {n}", project=f"gh/acme/service-{n}", status=["failed", "error"]) for n in range(300)]
    index = RouteIndex([*routes, route("web", project="gh/acme/web"), route("the rest", branch="*")])

    assert index.candidates(FAILED) == [300, 301]
    assert index.verdicts(FAILED) == {300: Verdict.MATCHED, 301: Verdict.PRECEDED}


def test_of_routes_to_one_project_those_with_another_branch_are_not_tested() -> None:
    index = RouteIndex([route(project="gh/acme/web", branch=f"release-{n}") for n in range(300)])

    assert index.candidates(FAILED) == []


def test_routes_that_hear_jobs_are_not_tested_with_a_workflow() -> None:
    index = RouteIndex([route(event="job-completed"), route(event=["job-completed", "workflow-completed"])])

    assert (index.candidates(FAILED), index.candidates(JOB)) == ([1], [0, 1])


def test_no_route_matches_a_ping() -> None:
    assert RouteIndex([route(event="*"), route(event="ping"), route()]).verdicts(PING) == {}


def test_an_absent_actor_is_missed_by_routes_that_name_one() -> None:
    routes = [route(f"of {name}", actor=name) for name in ("ada", "bob", "renovate*")]

    assert RouteIndex(routes).missing_facts(UNSIGNED) == missing_facts(UNSIGNED, routes) != frozenset()


@pytest.mark.long
@given(event=KNOWN, routes=NAMING_ROUTES)
def test_what_an_event_says_under_some_keys_is_tested_as_by_every_route(event: Event, routes: list[Route]) -> None:
    facts = read_facts(event, TRACK_KEYS)
    plain = any(
        all(fits(one, facts[one.key]) for one in own_matchers(each) if one.key in TRACK_KEYS) for each in routes
    )

    assert RouteIndex(routes).fits_by(event, TRACK_KEYS) == plain


def test_ping_comes_to_match_no_route_and_a_workflow_may() -> None:
    index = RouteIndex([route(event="*")])

    assert not index.may_match(PING)
    assert index.may_match(FAILED)
