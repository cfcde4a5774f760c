"""The details needed for a decision, and the facts that they add to an event."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.model import (
    Actor,
    Commit,
    DetailKind,
    Details,
    Event,
    EventKind,
    Matcher,
    PullRequest,
    Route,
    Vcs,
    Verdict,
)
from service.routing.decide import decide, missing_facts, with_details
from tests.support.example_events import FAILED, UNPLACED, UNSIGNED, at_any_pace, continuing, route

# What must be asked for first


@pytest.mark.parametrize(
    ("event", "match", "wants"),
    [
        (UNSIGNED, {"actor": "ada"}, {DetailKind.ACTOR}),
        (UNSIGNED, {"actor": "!dependabot*"}, {DetailKind.ACTOR}),
        (UNSIGNED, {"branch": "main", "actor": "ada"}, {DetailKind.ACTOR}),
        (UNSIGNED, {"branch": "develop", "actor": "ada"}, set()),
        (UNSIGNED, {"event": "job-completed", "actor": "ada"}, set()),
        (FAILED, {"actor": "bob"}, set()),
        (replace(FAILED, actor=Actor(name="Ada Example")), {"actor": "ada"}, set()),
        (UNPLACED, {"branch": "main"}, {DetailKind.VCS}),
        (UNPLACED, {"tag": "!*"}, {DetailKind.VCS}),
        (FAILED, {"tag": "v*"}, set()),
        (replace(FAILED, branch=None, tag="v1"), {"branch": "main"}, set()),
        (replace(UNPLACED, actor=Actor()), {"branch": "main", "actor": "ada"}, {DetailKind.ACTOR, DetailKind.VCS}),
        (replace(FAILED, commit=Commit()), {"author": "ada*"}, set()),
        (replace(UNPLACED, kind=EventKind.PING), {"event": "*", "branch": "main"}, set()),
    ],
)
def test_we_ask_for_absent_facts_that_could_change_a_verdict(
    event: Event, match: dict[str, Any], wants: set[DetailKind]
) -> None:
    assert missing_facts(event, [route(**match)]) == wants


def test_we_do_not_ask_for_a_route_that_cannot_win_any_more() -> None:
    asking = route("asking", actor="ada")

    assert missing_facts(UNSIGNED, [route("wins", branch="main"), asking]) == set()
    assert missing_facts(UNSIGNED, [route("wins not", branch="develop"), asking]) == {DetailKind.ACTOR}
    assert missing_facts(UNSIGNED, [continuing("continues"), asking]) == {DetailKind.ACTOR}


def test_a_route_that_may_yet_lose_does_not_keep_later_ones_from_asking() -> None:
    event = replace(UNPLACED, actor=Actor())

    assert missing_facts(event, [route(actor="ada"), route(branch="main")]) == {DetailKind.ACTOR, DetailKind.VCS}


# What the details add


def test_pull_request_of_the_details_is_that_of_an_event_that_has_none() -> None:
    known, learned = PullRequest(number=7), Details(pull_request=PullRequest(number=41))

    assert with_details(FAILED, learned).pull_request == PullRequest(number=41)
    assert with_details(replace(FAILED, pull_request=known), learned).pull_request == known
    assert with_details(replace(FAILED, pull_request=known), Details()).pull_request == known


def test_details_fill_in_absent_facts_of_the_event() -> None:
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

WORD = st.sampled_from(["a", "b"])
EVENTS = st.builds(
    partial(replace, FAILED),
    branch=st.none() | WORD,
    actor=st.builds(Actor, login=st.none() | WORD),
    status=WORD,
)
PATTERNS = st.lists(WORD | st.just("*"), max_size=1).map(tuple)
MATCHERS = st.builds(
    Matcher, key=st.sampled_from(["branch", "tag", "actor", "status"]), patterns=PATTERNS, excluded=PATTERNS
)
ROUTES = st.lists(
    st.builds(Route, name=WORD, receiver=WORD, matchers=st.lists(MATCHERS, max_size=2).map(tuple), continues=...),
    min_size=1,
    max_size=3,
)
DETAILS = st.builds(
    Details, actor=st.builds(Actor, login=WORD), vcs=st.builds(Vcs, branch=WORD) | st.builds(Vcs, tag=WORD)
)


@pytest.mark.long
@at_any_pace
@given(EVENTS, ROUTES, DETAILS)
def test_details_change_no_receiver_when_no_fact_is_missing(event: Event, routes: list[Route], found: Details) -> None:
    assume(not missing_facts(event, routes))

    before, after = decide(event, routes), decide(with_details(event, found), routes)

    assert [d.verdict is Verdict.MATCHED for d in before] == [d.verdict is Verdict.MATCHED for d in after]


@pytest.mark.parametrize(
    ("known", "found", "merged"),
    [
        (Actor(id="7"), Actor(login="ada"), Actor(id="7", login="ada")),
        (Actor(login="ada"), Actor(id="7", login="bob"), Actor(id="7", login="ada")),
        (Actor(id="7"), Actor(id="7", login="ada"), Actor(id="7", login="ada")),
        (Actor(id="7"), Actor(id="8", login="ada"), Actor(id="7")),
    ],
    ids=["an id without an answer's", "an answer's id", "the same id", "two ids"],
)
def test_actor_is_completed_unless_the_ids_differ(known: Actor, found: Actor, merged: Actor) -> None:
    assert with_details(replace(FAILED, actor=known), Details(actor=found)).actor == merged
