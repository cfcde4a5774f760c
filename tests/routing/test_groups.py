"""Groups of news: the facts that news of one message share."""

from dataclasses import replace

import pytest

from service.model import Group, Pipeline
from service.routing.groups import GROUPED_BY, GroupKey, group_key
from tests.support.example_events import FAILED
from tests.support.neighbor_rows import a_notification

EVENT = replace(FAILED, pipeline=Pipeline(id="p", number=7))


def key(*by: str, track: int | None = 3, fingerprint: str | None = "f") -> GroupKey | None:
    group = Group(by=by, wait_s=60)
    return group_key(group, a_notification(track_id=track), EVENT, fingerprint)


def test_key_has_the_receiver_and_the_shared_facts() -> None:
    assert key(*GROUPED_BY) == ("web", *GROUPED_BY, "p", "3", "web", "f")
    assert key("track") == ("web", "track", "3")
    assert key("fingerprint") != key("track")


@pytest.mark.parametrize("by", ["track", "fingerprint"])
def test_news_without_a_fact_that_they_should_share_are_alone(by: str) -> None:
    assert key("pipeline", by, track=None, fingerprint=None) is None
    assert key("pipeline", track=None, fingerprint=None) == ("web", "pipeline", "p")
