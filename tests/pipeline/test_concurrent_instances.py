"""Storms on many machines: two doors, two workers, and everything at once is told once and at its pace."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from service.channels.rate_limits import min_interval
from service.model import Channel
from service.testing import sample_runs
from service.testing.fake_circleci.payloads import cancellation_storm, workflow_completed
from tests.support.app_fixture import MONDAY, RED
from tests.support.fake_servers import Answer
from tests.support.two_instances import Twins, twins

STORM = [replace(sample_runs.mobile_canceled(MONDAY), number=number) for number in range(1, 6)]
REDS = [replace(RED, number=number, subject=f"Change {number}") for number in range(1, 6)]


@pytest.fixture
async def both(url_in_real_time: str, tmp_path: Path) -> AsyncIterator[Twins]:
    async with twins(url_in_real_time, tmp_path) as both:
        yield both


@pytest.mark.long
async def test_a_storm_at_two_doors_judged_by_two_workers_is_told_once_each(both: Twins) -> None:
    storms = [payload for run in STORM for payload in cancellation_storm(run)]
    deliveries = await both.post(storms)
    await both.settled()

    assert len(set(deliveries)) == len(storms) > len(STORM)
    assert len(both.end.got) == len(STORM)
    assert both.rows("SELECT count(*) FROM events") == [(len(storms),)]


@pytest.mark.long
async def test_one_delivery_posted_at_two_doors_at_once_is_one(both: Twins) -> None:
    deliveries = await both.post([workflow_completed(RED)] * 40)
    await both.settled()

    assert len(set(deliveries)) == 1
    assert both.rows("SELECT repeats FROM deliveries") == [(39,)]
    assert len(both.end.got) == 1


@pytest.mark.long
async def test_a_pace_is_kept_across_workers(url_in_real_time: str, tmp_path: Path) -> None:
    slack = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    pace = min_interval(Channel(key="1", label="web (slack)", kind="slack", url=slack))
    async with twins(url_in_real_time, tmp_path, channel=slack) as both:
        await both.post(workflow_completed(run) for run in REDS[:3])
        await both.settled()

        begun = [at for (at,) in both.rows("SELECT started_at FROM attempts ORDER BY started_at")]

    assert len(begun) == 3
    assert min(later - before for before, later in pairwise(begun)) >= pace > timedelta()


@pytest.mark.long
async def test_a_channels_wish_for_time_is_heard_by_every_worker(both: Twins) -> None:
    both.end.behave(Answer(status=429, headers=(("Retry-After", "1"),)), Answer())
    await both.post(workflow_completed(run) for run in REDS)
    await both.settled()

    refused, *later = both.rows("SELECT started_at, outcome FROM attempts ORDER BY started_at")
    assert refused[1] == "put_off"
    assert len(later) == len(REDS)
    assert min(at for at, _ in later) - refused[0] >= timedelta(seconds=1)
