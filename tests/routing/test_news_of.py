"""The news in a run for a channel, by what it and others were told before."""

from uuid import UUID

import pytest

from service.model import Color, News, Route, RunState, Transition
from service.routing.news import asks_for_ends, news_of
from tests.support.example_events import route

BROKE, STILL, FIXED, PASSED, NONE = Transition
CHANGES = route(transition=["broke", "fixed"])
BREAKS = route(transition="broke")
ENDS = route(transition="fixed")
REDS = route(transition=["broke", "still_broken", "fixed"])
ALL_BUT_RECOVERED = route(transition="!passed")
RED, GREEN, UNTOLD = Color.RED, Color.GREEN, None


def state(transition: Transition) -> RunState:
    color = Color.RED if transition in {BROKE, STILL} else Color.GREEN
    one = UUID(int=1)
    return RunState(run_id=one, event_id=one, track_id=1, color=color, transition=transition, streak=1)


@pytest.mark.parametrize(
    ("to", "transition", "known", "others_know", "news"),
    [
        (CHANGES, BROKE, UNTOLD, False, News.BROKE),
        (CHANGES, BROKE, GREEN, False, News.BROKE),
        (CHANGES, BROKE, RED, False, None),
        (BREAKS, BROKE, RED, False, News.BROKE),  # it was not to hear of the end
        (CHANGES, STILL, UNTOLD, False, News.BROKE),
        (CHANGES, STILL, RED, False, None),
        (REDS, STILL, RED, False, News.STILL_BROKEN),
        (ALL_BUT_RECOVERED, STILL, RED, False, None),  # named by no pattern
        (CHANGES, FIXED, RED, False, News.FIXED),
        (CHANGES, FIXED, UNTOLD, False, None),
        (CHANGES, FIXED, UNTOLD, True, None),
        (ENDS, FIXED, UNTOLD, True, News.FIXED),
        (ENDS, FIXED, UNTOLD, False, None),
        (ENDS, FIXED, RED, False, News.FIXED),
        (CHANGES, PASSED, RED, False, News.FIXED),
        (CHANGES, PASSED, UNTOLD, True, News.PASSED),
        (CHANGES, PASSED, GREEN, False, News.PASSED),
        (BREAKS, PASSED, RED, False, News.PASSED),
        (CHANGES, NONE, UNTOLD, False, None),
        (CHANGES, NONE, RED, True, None),
    ],
)
def test_news_follow_from_the_transition_and_what_was_told(
    to: Route, transition: Transition, known: Color | None, news: News | None, *, others_know: bool
) -> None:
    assert news_of(to, state(transition), known=known, others_know_red=others_know) == news


def test_route_asks_for_ends_that_names_them_and_no_breaks() -> None:
    assert [asks_for_ends(one) for one in (ENDS, CHANGES, BREAKS, ALL_BUT_RECOVERED)] == [True, False, False, False]
