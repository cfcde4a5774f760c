"""Whichever statement a process dies at, or loses its database at: one message, nothing lost, no two claims."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.model import FetchPurpose
from service.testing.fake_circleci.organization import Run
from tests.pipeline.test_news import CHANGES
from tests.support.app_fixture import RED, Instance, an_instance
from tests.support.statement_cuts import Cut, Cuts

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = CHANGES.replace("match: {branch: main}", "match: {project: '*'}")
EVERY = 7  # in the short form: each so many statements; coprime with the number of those of a row
NOTIFICATIONS = """
    SELECT notifications.id, notifications.state, attempts FROM notifications
    JOIN events ON events.id = notifications.event_id WHERE events.branch = ?
"""
OPEN_ATTEMPTS = "SELECT count(*) FROM attempts WHERE outcome = 'sending'"
UNSETTLED = "SELECT count(*) FROM deliveries WHERE state <> 'settled'"
INCIDENTS = """
    SELECT count(*) FROM incidents JOIN tracks ON tracks.id = incidents.track_id WHERE tracks.branch = ?
"""
ROUNDS = """
    SELECT count(*) FROM decisions JOIN events ON events.id = decisions.event_id WHERE events.branch = ?
"""

Work = Callable[[Instance, str], Coroutine[Any, Any, object]]


def red(branch: str, at: int) -> Run:
    return replace(RED, number=1000 + at, branch=branch)


async def decide(instance: Instance, _branch: str) -> object:
    return await instance.service.pipeline.process(limit=100)


async def send(instance: Instance, branch: str) -> None:
    ((notification_id, _, _),) = instance.rows(NOTIFICATIONS, branch)
    await instance.work("send", notification_id)


async def cut_once(folder: Path, work: Work, cut: Cut, at: int, *, decided: bool) -> int:
    """Have work cut at one statement, and finish it; return the number of statements up to there."""
    branch = f"{cut} {at}"
    async with an_instance(folder, ROUTES) as instance:
        event_id = await instance.finish(red(branch, at))
        if decided:
            await instance.process()
            await instance.fetch(event_id, FetchPurpose.MESSAGE)  # before that there is nothing to send
        cuts = Cuts(instance.service.context.store, cut, at)
        await cuts.work_until(work(instance, branch))
        heard = len(instance.channels.took)
        if cut is not Cut.DEAD:
            await instance.drain(minutes=30)
        total = len(instance.channels.took)
        now = instance.clock()
    async with an_instance(folder, ROUTES) as after:
        after.clock.now = now
        after.pretend.run_finished(red(branch, at))
        await after.drain(minutes=30)
        total += len(after.channels.took)
        ((_, state, attempts),) = after.rows(NOTIFICATIONS, branch)
        assert state == "sent", (cut, at)
        assert total == 1 or (heard and total == 2), (cut, at, total)  # only after a send may it come twice
        assert attempts <= 2, (cut, at)
        assert [after.rows(one)[0][0] for one in (OPEN_ATTEMPTS, UNSETTLED)] == [0, 0], (cut, at)
        assert [after.rows(one, branch)[0][0] for one in (INCIDENTS, ROUNDS)] == [1, 1], (cut, at)
    return cuts.count


async def cut_everywhere(folder: Path, work: Work, cut: Cut, *, decided: bool, every: int) -> None:
    count = await cut_once(folder, work, cut, 0, decided=decided)
    assert count > 5
    for at in range(1, count + 1, every):
        await cut_once(folder, work, cut, at, decided=decided)


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.long
async def test_a_decision_cut_at_any_statement_comes_to_one_message(folder: Path, cut: Cut) -> None:
    await cut_everywhere(folder, decide, cut, decided=False, every=1)


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.long
async def test_a_send_cut_at_any_statement_comes_to_one_message(folder: Path, cut: Cut) -> None:
    await cut_everywhere(folder, send, cut, decided=True, every=1)


@pytest.mark.long
async def test_a_process_that_dies_at_some_statements_of_a_decision_loses_nothing(folder: Path) -> None:
    await cut_everywhere(folder, decide, Cut.DEAD, decided=False, every=EVERY)


@pytest.mark.long
async def test_a_process_that_dies_at_some_statements_of_a_send_loses_nothing(folder: Path) -> None:
    await cut_everywhere(folder, send, Cut.DEAD, decided=True, every=EVERY)
