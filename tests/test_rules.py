"""What routes say of events: who hears, who does not, and the sentence that says why."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.model import (
    Actor,
    Commit,
    Decision,
    Details,
    Event,
    EventKind,
    Job,
    Matcher,
    Project,
    Route,
    Vcs,
    Verdict,
    Want,
    Workflow,
)
from service.rules import MATCH_KEYS, decide, undecided, with_details

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


def said(event: Event, /, **match: str | list[str]) -> tuple[Verdict, str]:
    """What a single route says of the event."""
    [decision] = decide(event, [route(**match)])
    return decision.verdict, decision.reason


def matches(event: Event, /, **match: str | list[str]) -> bool:
    return said(event, **match)[0] is Verdict.MATCHED


# Which route wins


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


def test_a_preceded_route_that_would_not_have_matched_says_so() -> None:
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


def test_no_route_hears_a_ping_whatever_it_asks_for() -> None:
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


def test_a_project_with_an_opaque_slug_is_also_known_by_organisation_and_name() -> None:
    event = replace(FAILED, project=Project(slug="circleci/Ab3/Xy9", name="web"))

    assert matches(event, project="acme/web")
    assert matches(event, project="circleci/Ab3/*")
    assert said(event, project="acme/api") == (
        Verdict.NOT_MATCHED,
        "project acme/web / circleci/Ab3/Xy9 is not acme/api",
    )


def test_an_opaque_slug_stands_alone_without_an_organisation() -> None:
    event = replace(FAILED, org=None, project=Project(slug="circleci/Ab3/Xy9", name="web"))

    assert said(event, project="acme/web")[1] == "project circleci/Ab3/Xy9 is not acme/web"


# Absent facts and exclusion


@pytest.mark.parametrize("key", [key for key in MATCH_KEYS if key not in {"event", "status"}])
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


# What must be asked for first


@pytest.mark.parametrize(
    ("event", "match", "wants"),
    [
        (UNSIGNED, {"actor": "ada"}, {Want.ACTOR}),
        (UNSIGNED, {"actor": "!dependabot*"}, {Want.ACTOR}),
        (UNSIGNED, {"branch": "main", "actor": "ada"}, {Want.ACTOR}),
        (UNSIGNED, {"branch": "develop", "actor": "ada"}, set()),
        (UNSIGNED, {"event": "job-completed", "actor": "ada"}, set()),
        (FAILED, {"actor": "bob"}, set()),
        (replace(FAILED, actor=Actor(name="Ada Example")), {"actor": "ada"}, set()),
        (UNPLACED, {"branch": "main"}, {Want.VCS}),
        (UNPLACED, {"tag": "!*"}, {Want.VCS}),
        (FAILED, {"tag": "v*"}, set()),
        (replace(FAILED, branch=None, tag="v1"), {"branch": "main"}, set()),
        (replace(UNPLACED, actor=Actor()), {"branch": "main", "actor": "ada"}, {Want.ACTOR, Want.VCS}),
        (replace(FAILED, commit=Commit()), {"author": "ada*"}, set()),
        (replace(UNPLACED, kind=EventKind.PING), {"event": "*", "branch": "main"}, set()),
    ],
)
def test_we_ask_for_absent_facts_that_could_change_a_verdict(
    event: Event, match: dict[str, Any], wants: set[Want]
) -> None:
    assert undecided(event, [route(**match)]) == wants


def test_we_do_not_ask_for_a_route_that_cannot_win_any_more() -> None:
    asking = route("asking", actor="ada")

    assert undecided(UNSIGNED, [route("wins", branch="main"), asking]) == set()
    assert undecided(UNSIGNED, [route("wins not", branch="develop"), asking]) == {Want.ACTOR}
    assert undecided(UNSIGNED, [continuing("continues"), asking]) == {Want.ACTOR}


def test_a_route_that_may_yet_lose_does_not_keep_later_ones_from_asking() -> None:
    event = replace(UNPLACED, actor=Actor())

    assert undecided(event, [route(actor="ada"), route(branch="main")]) == {Want.ACTOR, Want.VCS}


# What the details add


def test_details_fill_what_the_event_did_not_say() -> None:
    found = Details(
        actor=Actor(id="7", login="ada", name="Ada Example"),
        vcs=Vcs(tag="v1", revision="c0ffee", subject="Paint it green"),
    )

    full = with_details(replace(UNPLACED, actor=Actor(id="7")), found)

    assert (full.branch, full.tag, full.revision) == (None, "v1", "c0ffee")
    assert full.commit == replace(FAILED.commit, subject="Paint it green")
    assert full.actor == Actor(id="7", login="ada", name="Ada Example")


def test_details_never_overwrite() -> None:
    event = replace(FAILED, revision="c0ffee", commit=Commit(subject="Mine"))
    found = Details(
        actor=Actor(login="bob", name="Bob Example"),
        vcs=Vcs(branch="develop", tag="v1", revision="beef", subject="Theirs"),
    )

    assert with_details(event, found) == event


def test_details_do_not_put_one_persons_name_on_another_ones_id() -> None:
    event = replace(FAILED, actor=Actor(id="7"))

    assert with_details(event, Details(actor=Actor(id="8", login="bob"))) == event


def test_without_details_the_event_stays_as_it_is() -> None:
    assert with_details(FAILED, None) == FAILED
    assert with_details(FAILED, Details()) == FAILED


# Whatever comes

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
MATCHERS = st.builds(Matcher, key=st.sampled_from(MATCH_KEYS), patterns=PATTERNS, excluded=PATTERNS)
ROUTES = st.lists(st.builds(Route, name=TEXT, receiver=TEXT, matchers=st.lists(MATCHERS, max_size=3).map(tuple)))


@at_any_pace
@given(EVENTS, ROUTES)
def test_every_event_gets_one_reasoned_decision_for_each_route(event: Event, routes: list[Route]) -> None:
    decisions = decide(event, routes)

    assert [decision.position for decision in decisions] == list(range(len(routes)))
    assert all(decision.reason for decision in decisions)
    assert sum(decision.verdict is Verdict.MATCHED for decision in decisions) <= 1


@at_any_pace
@given(EVENTS, ROUTES)
def test_when_nothing_is_undecided_no_detail_changes_a_decision(event: Event, routes: list[Route]) -> None:
    if undecided(event, routes):
        return
    found = Details(actor=Actor(login="a"), vcs=Vcs(branch="b"))

    before, after = decide(event, routes), decide(with_details(event, found), routes)

    winners = [[d.position for d in decisions if d.verdict is Verdict.MATCHED] for decisions in (before, after)]
    assert winners[0] == winners[1]


@at_any_pace
@given(TEXT)
def test_a_star_matches_every_present_value(branch: str) -> None:
    assert matches(replace(FAILED, branch=branch), branch="*")


@at_any_pace
@given(TEXT, PATTERNS)
def test_excluding_what_is_included_never_matches(branch: str, patterns: tuple[str, ...]) -> None:
    both = Matcher(key="branch", patterns=patterns or ("*",), excluded=patterns or ("*",))
    [decision] = decide(replace(FAILED, branch=branch), [Route(name="r", receiver="team", matchers=(both,))])

    assert decision.verdict is Verdict.NOT_MATCHED
