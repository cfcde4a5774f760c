"""The event as it was judged, after details have filled in what it lacked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import AbsentFacts, Actor, Details, Event, PullRequest, Vcs
from service.routing.absent_facts import absent_facts, without_facts
from service.routing.decide import with_details
from service.routing.match_keys import findable_details, read_facts
from tests.support.example_events import EVENTS, FAILED, TEXT, at_any_pace

LEARNED = st.builds(
    Details,
    actor=st.none() | st.builds(Actor, id=st.none() | TEXT, login=st.none() | TEXT, name=st.none() | TEXT),
    vcs=st.none() | st.builds(Vcs, branch=st.none() | TEXT, tag=st.none() | TEXT, revision=st.none() | TEXT),
)
WHOLE = replace(FAILED, tag="v1", queue_ms=5, pull_request=PullRequest(number=41))


@pytest.mark.parametrize("fact", [AbsentFacts.NONE, *AbsentFacts])
def test_each_fact_is_removed_alone(fact: AbsentFacts) -> None:
    assert absent_facts(without_facts(WHOLE, fact)) == fact


@at_any_pace
@given(EVENTS, st.lists(LEARNED, max_size=3))
def test_what_details_add_is_removed_again(event: Event, learned: list[Details]) -> None:
    later = event
    for details in learned:
        later = with_details(later, details)

    judged = without_facts(later, absent_facts(event))

    assert read_facts(judged) == read_facts(event)
    assert findable_details(judged) == findable_details(event)
