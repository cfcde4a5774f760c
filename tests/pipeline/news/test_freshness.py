"""What was found by asking is told up to an age, and not beyond; webhooks are told at any."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service.model import EventKind, Via
from service.pipeline.news.freshness import stale_reason
from tests.support.app_fixture import RED
from tests.support.circleci_fixture import event_of

A_SECOND = timedelta(seconds=1)
LAST = {
    EventKind.WORKFLOW_COMPLETED: timedelta(hours=1),
    EventKind.SETTINGS_CHANGED: timedelta(days=1),
    EventKind.WORKFLOW_HELD: timedelta(days=7),
}
SAID = {
    EventKind.WORKFLOW_COMPLETED: "its webhook did not come, and asking found it 1 h after its end",
    EventKind.SETTINGS_CHANGED: "it was found 24 h ago; it is told for a day only",
    EventKind.WORKFLOW_HELD: "it had waited for 7 days when it was found; it is told for a week only",
}


@pytest.mark.parametrize("kind", LAST)
def test_age_is_the_limit_of_the_kind_for_what_was_found_by_asking(kind: EventKind) -> None:
    found = replace(event_of(RED), kind=kind, status="on_hold", via=Via.RECONCILE)
    oldest = found.happened_at + LAST[kind]

    assert stale_reason(found, oldest) is None
    assert SAID[kind] in str(stale_reason(found, oldest + A_SECOND))
    assert stale_reason(replace(found, via=Via.WEBHOOK), oldest + A_SECOND) is None


def test_end_of_an_approval_is_told_at_any_age() -> None:
    ended = replace(event_of(RED), kind=EventKind.WORKFLOW_HELD, status="approved", via=Via.RECONCILE)

    assert stale_reason(ended, ended.happened_at + timedelta(days=80)) is None
