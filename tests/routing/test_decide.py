"""Decisions of the routes on events, each with its reason."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given

from service.model import (
    Decision,
    Event,
    EventKind,
    Matcher,
    Project,
    PullRequest,
    Route,
    RunFacts,
    Verdict,
)
from service.routing.decide import decide, hears_every_run
from service.routing.match_keys import MATCH_KEYS
from tests.support.example_events import (
    EVENTS,
    FAILED,
    JOB,
    NOON,
    PATTERNS,
    PING,
    ROUTES,
    TEXT,
    at_any_pace,
    continuing,
    route,
)


def said(event: Event, /, **match: str | list[str]) -> tuple[Verdict, str]:
    """What a single route says of the event."""
    [decision] = decide(event, [route(**match)])
    return decision.verdict, decision.reason


def matches(event: Event, /, **match: str | list[str]) -> bool:
    return said(event, **match)[0] is Verdict.MATCHED


# Which route wins


@pytest.mark.parametrize(
    ("match", "hears"),
    [
        ({}, True),
        ({"status": "failed"}, True),
        ({"event": "job-completed"}, True),
        ({"event": "workflow-completed"}, False),
        ({"branch": "main"}, False),
        ({"transition": "broke", "status": "failed"}, False),
        ({"streak": ">= 3", "status": "failed"}, False),
        ({"transition": "broke"}, False),
    ],
)
def test_route_that_names_a_change_does_not_hear_every_run(match: dict[str, str], hears: bool) -> None:
    assert hears_every_run(route(**match)) is hears


def test_every_route_gets_a_decision_in_the_order_configured() -> None:
    routes = [route("other", branch="develop"), route("main is red", branch="main"), route("the rest")]

    assert decide(FAILED, routes) == [
        Decision(
            position=0,
            route="other",
            receiver="team",
            verdict=Verdict.NOT_MATCHED,
            reason="branch main is not develop",
        ),
        Decision(
            position=1, route="main is red", receiver="team", verdict=Verdict.MATCHED, reason="branch main matches main"
        ),
        Decision(
            position=2,
            route="the rest",
            receiver="team",
            verdict=Verdict.PRECEDED,
            reason="route 'main is red' came first",
        ),
    ]


def test_no_routes_make_no_decisions() -> None:
    assert decide(FAILED, []) == []


def test_a_route_that_continues_lets_later_ones_match_too() -> None:
    routes = [continuing("archive"), route("main is red"), continuing("late")]

    assert [decision.verdict for decision in decide(FAILED, routes)] == [
        Verdict.MATCHED,
        Verdict.MATCHED,
        Verdict.PRECEDED,
    ]


def test_preceded_route_that_would_not_have_matched_is_not_matched() -> None:
    first, second = decide(FAILED, [route("first"), route("second", branch="develop")])

    assert first.verdict is Verdict.MATCHED
    assert (second.verdict, second.reason) == (Verdict.NOT_MATCHED, "branch main is not develop")


# Which events a route hears


def test_a_route_without_event_hears_workflows_only() -> None:
    assert said(FAILED) == (Verdict.MATCHED, "hears every completed workflow")
    assert said(JOB, branch="develop") == (Verdict.NOT_MATCHED, "hears workflow-completed only")


def test_a_route_hears_the_events_it_asks_for() -> None:
    assert said(JOB, event="job-completed", job="deploy-*") == (
        Verdict.MATCHED,
        "event job-completed matches job-completed; job deploy-prod matches deploy-*",
    )
    assert said(FAILED, event="job-completed") == (Verdict.NOT_MATCHED, "hears job-completed only")
    assert matches(JOB, event=["workflow-completed", "job-completed"])
    assert matches(FAILED, event=["workflow-completed", "job-completed"])


def test_an_excluded_event_is_not_heard() -> None:
    assert said(JOB, event="!job-completed") == (Verdict.NOT_MATCHED, "hears !job-completed only")


def test_no_route_matches_a_ping() -> None:
    reason = "a ping tells of no build, so no route hears it"

    assert said(PING) == (Verdict.NOT_MATCHED, reason)
    assert said(PING, event="*") == (Verdict.NOT_MATCHED, reason)


# What a pattern fits


@pytest.mark.parametrize(
    ("key", "fact"),
    [
        ("org", "acme"),
        ("project", "gh/acme/web"),
        ("branch", "main"),
        ("workflow", "build"),
        ("status", "failed"),
        ("trigger", "webhook"),
        ("actor", "ada"),
        ("actor", "Ada Example"),
        ("author", "Ada Example"),
        ("author", "ada@example.com"),
    ],
)
def test_each_key_tests_its_own_fact(key: str, fact: str) -> None:
    assert matches(FAILED, **{key: fact})
    assert not matches(FAILED, **{key: fact + "x"})


def test_a_tag_is_tested_as_a_branch_is() -> None:
    tagged = replace(FAILED, branch=None, tag="v1.10")

    assert said(tagged, tag="v1.*") == (Verdict.MATCHED, "tag v1.10 matches v1.*")
    assert said(tagged, branch="*") == (Verdict.NOT_MATCHED, "this event has no branch")


def test_globs_are_case_sensitive_and_cross_slashes() -> None:
    event = replace(FAILED, branch="feature/ada/colours")

    assert matches(event, branch="feature/*")
    assert matches(event, branch="feature/[ab]da/colour?")
    assert not matches(event, branch="Feature/*")
    assert not matches(event, branch="feature")


@pytest.mark.parametrize("written", ["gh/acme/*", "github/acme/web", "*/acme/web"])
@pytest.mark.parametrize("slug", ["gh/acme/web", "github/acme/web"])
def test_the_long_and_the_short_name_of_github_are_one(slug: str, written: str) -> None:
    assert matches(replace(FAILED, project=Project(slug=slug)), project=written)


@pytest.mark.parametrize("written", ["bb/acme/web", "bitbucket/acme/web"])
@pytest.mark.parametrize("slug", ["bb/acme/web", "bitbucket/acme/web"])
def test_the_long_and_the_short_name_of_bitbucket_are_one(slug: str, written: str) -> None:
    assert matches(replace(FAILED, project=Project(slug=slug)), project=written)


def test_excluding_one_spelling_of_a_project_excludes_the_other() -> None:
    assert said(FAILED, project=["*", "!github/acme/web"]) == (
        Verdict.NOT_MATCHED,
        "project gh/acme/web is excluded by !github/acme/web",
    )


def test_any_project_is_also_known_by_organization_and_name() -> None:
    assert matches(FAILED, project="acme/web")
    assert not matches(FAILED, project=["*", "!acme/*"])
    assert said(FAILED, project="acme/api")[1] == "project gh/acme/web is not acme/api"


def test_a_project_with_an_opaque_slug_is_also_known_by_organization_and_name() -> None:
    event = replace(FAILED, project=Project(slug="circleci/Ab3/Xy9", name="web"))

    assert matches(event, project="acme/web")
    assert matches(event, project="circleci/Ab3/*")
    assert said(event, project="acme/api") == (
        Verdict.NOT_MATCHED,
        "project acme/web / circleci/Ab3/Xy9 is not acme/api",
    )


def test_without_an_organization_a_project_is_known_by_its_name_alone() -> None:
    event = replace(FAILED, org=None, project=Project(slug="circleci/Ab3/Xy9", name="web"))

    assert matches(event, project="web")
    assert said(event, project="acme/web")[1] == "project web / circleci/Ab3/Xy9 is not acme/web"


def test_name_with_a_slash_gets_no_organization_before_it() -> None:
    event = replace(FAILED, project=Project(slug="circleci/Ab3/Xy9", name="acme/shop/web"))

    assert matches(event, project="acme/shop/*")
    assert said(event, project="acme/acme/*")[0] is Verdict.NOT_MATCHED


# Absent facts and exclusion


NEVER_ABSENT = {"event", "status", "transition", "streak", "flaky", "known_problem", "new_failure"}  # of a red run


@pytest.mark.parametrize("key", [key for key in MATCH_KEYS if key not in NEVER_ABSENT])
def test_an_absent_fact_matches_no_pattern_and_escapes_every_exclusion(key: str) -> None:
    bare = Event(
        id=UUID(int=2),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="x",
        happened_at=NOON,
        received_at=NOON,
        status="failed",
    )

    assert said(bare, **{key: "*"}) == (Verdict.NOT_MATCHED, f"this event has no {key}")
    assert said(bare, **{key: "!*"}) == (Verdict.MATCHED, f"this event has no {key}")
    assert not matches(bare, **{key: ["*", "!other"]})


@pytest.mark.parametrize(("key", "value"), [("flaky", "false"), ("known_problem", "false"), ("new_failure", "true")])
def test_failures_that_are_not_known_in_time_are_taken_to_be_news(key: str, value: str) -> None:
    other = "false" if value == "true" else "true"

    assert said(FAILED, **{key: value}) == (Verdict.MATCHED, f"{key} {value} (not known) matches {value}")
    assert said(FAILED, **{key: other}) == (Verdict.NOT_MATCHED, f"{key} {value} (not known) is not {other}")


@pytest.mark.parametrize("key", ["flaky", "known_problem", "new_failure"])
@pytest.mark.parametrize("status", ["success", "canceled"])
def test_a_run_without_failures_has_no_kind_of_them(key: str, status: str) -> None:
    assert said(replace(FAILED, status=status), status="*", **{key: ["true", "false"]}) == (
        Verdict.NOT_MATCHED,
        f"this event has no {key}",
    )


def test_times_are_compared() -> None:
    slow = replace(FAILED, duration_ms=1_561_000, queue_ms=61_000, facts=RunFacts(times_usual=1.75))

    assert said(slow, duration="> 20m") == (Verdict.MATCHED, "duration 25m matches > 20m")
    assert said(slow, duration="> 30m") == (Verdict.NOT_MATCHED, "duration 25m is not > 30m")
    assert said(slow, slower=["> 1.5x"]) == (Verdict.MATCHED, "slower 1.75x matches > 1.5x")
    assert said(slow, queue="!> 1m") == (Verdict.NOT_MATCHED, "queue 1m 1s is excluded by !> 1m")


@pytest.mark.parametrize("key", ["duration", "slower", "queue"])
def test_a_route_for_times_hears_every_run_that_fits(key: str) -> None:
    green = MATCH_KEYS[key].put(replace(FAILED, status="success"), "9x" if key == "slower" else "9m")

    assert matches(green, **{key: "> 1x" if key == "slower" else "> 1m"})
    assert not matches(green, **{key: "!> 1x" if key == "slower" else "!> 1m"})
    assert not matches(green, branch="main")


def test_a_pull_request_goes_by_number_and_page() -> None:
    page = "https://github.com/acme/web/pull/41"
    event = replace(FAILED, pull_request=PullRequest(number=41, url=page))

    assert said(event, pr="41") == (Verdict.MATCHED, "pr 41 matches 41")
    assert matches(event, pr="*")
    assert matches(event, pr=page)
    assert not matches(event, pr="4")
    assert matches(replace(FAILED, pull_request=PullRequest(url=page)), pr="*")


def test_not_a_tag_build_is_written_as_an_exclusion() -> None:
    assert matches(FAILED, tag="!*")
    assert said(replace(FAILED, branch=None, tag="v1"), tag="!*") == (
        Verdict.NOT_MATCHED,
        "tag v1 is excluded by !*",
    )


def test_an_exclusion_beats_a_pattern_that_fits() -> None:
    assert said(FAILED, branch=["*", "!develop", "!main"]) == (
        Verdict.NOT_MATCHED,
        "branch main is excluded by !main",
    )
    assert said(FAILED, branch="!develop") == (Verdict.MATCHED, "branch main is not excluded")


# The words of a reason


def test_a_reason_lists_globs_as_written() -> None:
    event = replace(FAILED, branch="feature/x")

    assert said(event, branch=["main", "release/*"])[1] == "branch feature/x does not match main, release/*"


def test_a_reason_names_plain_words_as_a_choice() -> None:
    event = replace(FAILED, status="success")

    assert said(event, status="failed")[1] == "status success is not failed"
    assert said(event, status=["failed", "error"])[1] == "status success is not failed or error"
    assert said(event, status=["a", "b", "c"])[1] == "status success is not a, b or c"


def test_a_reason_names_every_fact_that_failed_and_none_that_fits() -> None:
    assert said(FAILED, branch="develop", org="acme", tag="v*")[1] == (
        "branch main is not develop; this event has no tag"
    )


def test_a_reason_for_a_match_names_every_fact() -> None:
    assert said(FAILED, branch="ma*", status="failed")[1] == "branch main matches ma*; status failed matches failed"


def test_a_person_is_shown_by_both_names() -> None:
    assert said(FAILED, author="bob")[1] == "author Ada Example / ada@example.com is not bob"


# Whatever comes


@pytest.mark.long
@at_any_pace
@given(EVENTS, ROUTES)
def test_every_event_gets_one_reasoned_decision_for_each_route(event: Event, routes: list[Route]) -> None:
    decisions = decide(event, routes)

    assert [decision.position for decision in decisions] == list(range(len(routes)))
    assert all(decision.reason for decision in decisions)
    assert sum(decision.verdict is Verdict.MATCHED for decision in decisions) <= 1


@at_any_pace
@given(TEXT)
def test_a_star_matches_every_present_value(branch: str) -> None:
    assert matches(replace(FAILED, branch=branch), branch="*")


@pytest.mark.long
@at_any_pace
@given(TEXT, PATTERNS)
def test_excluding_an_included_pattern_never_matches(branch: str, patterns: tuple[str, ...]) -> None:
    both = Matcher(key="branch", patterns=patterns or ("*",), excluded=patterns or ("*",))
    [decision] = decide(replace(FAILED, branch=branch), [Route(name="r", receiver="team", matchers=(both,))])

    assert decision.verdict is Verdict.NOT_MATCHED


def test_reason_quotes_a_pattern_with_a_comma_of_its_own() -> None:
    listed, single = route("listed", branch=["develop", "release/*"]), route("single", branch="develop, release/*")

    assert [decision.reason for decision in decide(FAILED, [listed, single])] == [
        "branch main does not match develop, release/*",
        "branch main does not match 'develop, release/*'",
    ]
