"""A plan: whether a route matched, and whether waits may end with the run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.model import Color, Event, RunState, Transition, Verdict
from service.pipeline.plans import PendingDecision, Plan
from tests.support.example_events import FAILED

RUN = RunState(run_id=FAILED.id, event_id=FAILED.id, track_id=1, color=Color.RED, transition=Transition.BROKE)


def plan(event: Event = FAILED, *verdicts: Verdict) -> Plan:
    pending = PendingDecision(event=event, details=None, max_delay=timedelta())
    return Plan(pending=pending, verdicts=dict(enumerate(verdicts)))


@pytest.mark.parametrize("verdict", Verdict)
def test_route_matched_also_if_its_channels_hear_of_it_already(verdict: Verdict) -> None:
    has_matched = verdict in {Verdict.MATCHED, Verdict.ALREADY_TOLD}

    assert plan(FAILED, Verdict.NOT_MATCHED, verdict).any_matched == has_matched
    assert not plan(FAILED).any_matched


@pytest.mark.parametrize("transition", Transition)
def test_waits_may_end_with_another_red_and_with_the_end_of_it(transition: Transition) -> None:
    ends = transition in {Transition.STILL_BROKEN, Transition.FIXED}

    assert plan(replace(FAILED, run=replace(RUN, transition=transition))).may_end_waits == ends
    assert not plan(replace(FAILED, run=None)).may_end_waits
