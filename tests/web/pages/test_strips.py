"""The strips of projects and workflows: their runs stand in the order of their branch, late reruns too."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.db.tables import Transaction, runs
from service.operations.overviews.now import STRIP_RUNS
from service.testing.fake_circleci.organization import SHOP_API, Run
from tests.support.app_fixture import GREEN, RED, Instance
from tests.support.operator_client import ADMIN_TOKEN

pytestmark = [pytest.mark.long, pytest.mark.databases("sqlite", "postgres")]

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
FIRST = 900


def run(of: Run, number: int, *, attempt: int = 1) -> Run:
    """Return a run of a pipeline; each later attempt began an hour after the one before, and after newer pipelines."""
    pushed_at = RED.pushed_at + timedelta(minutes=number - FIRST, hours=attempt)
    return replace(of, number=number, attempt=attempt, pushed_at=pushed_at)


async def post(instance: Instance, *posted: Run) -> None:
    for one in posted:
        await instance.finish(one)
    await instance.drain()
    instance.clock.tick(hours=1)


async def rows(instance: Instance, address: str) -> Any:
    answer = await instance.http.get(address, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(some: Sequence[Any]) -> list[str]:
    return [one["id"] for one in some]


async def test_late_rerun_stands_in_its_pipeline_and_not_as_the_newest(instance: Instance) -> None:
    instance.clock.tick(days=1)
    first, rerun = run(RED, FIRST + 1), run(GREEN, FIRST + 1, attempt=3)
    in_order = [run(GREEN, FIRST), first, rerun, run(GREEN, FIRST + 2), run(RED, FIRST + 3)]
    await post(instance, *(one for one in in_order if one is not rerun))
    await post(instance, rerun)

    now, board = await rows(instance, "/now.json"), await rows(instance, "/board.json")
    listed = await rows(instance, "/projects.json")
    strips = [now["items"][0], now["projects"][0], board["projects"][0], listed["items"][0]]

    assert [ids(one["runs"]) for one in strips] == [[one.workflow_id for one in in_order]] * len(strips)
    assert [one["state"] for one in strips] == ["open", "red", "red", "red"]


async def test_strip_that_begins_within_a_pipeline_keeps_its_last_attempts(instance: Instance) -> None:
    instance.clock.tick(days=1)
    attempts = [run(RED, FIRST, attempt=attempt) for attempt in range(1, 6)]
    newer = [run(GREEN, FIRST + n) for n in range(1, STRIP_RUNS - 1)]
    await post(instance, *newer, run(RED, FIRST + STRIP_RUNS - 1))
    await post(instance, *reversed(attempts))

    [item], [project] = [(await rows(instance, "/now.json"))[name] for name in ("items", "projects")]

    expected = [attempts[-1], *newer, run(RED, FIRST + STRIP_RUNS - 1)]
    assert ids(item["runs"]) == ids(project["runs"]) == [one.workflow_id for one in expected]


async def test_many_runs_of_one_pipeline_leave_the_strips_of_other_projects_whole(instance: Instance) -> None:
    instance.clock.tick(days=1)
    await post(instance, run(RED, FIRST))
    await post(instance, replace(run(GREEN, FIRST), project=SHOP_API))
    await instance.service.context.store.write(repeat, 10_500)

    listed = (await rows(instance, "/projects.json"))["items"]

    assert {one["project_name"]: len(one["runs"]) for one in listed} == {"acme/web": STRIP_RUNS, "acme/shop-api": 1}


def repeat(transaction: Transaction, times: int) -> None:
    """Put copies of the first track's run into its pipeline."""
    first = transaction.execute(select(runs).order_by(runs.c.track_id).limit(1)).mappings().one()
    transaction.execute(runs.insert(), [{**first, "id": uuid4()} for _ in range(times)])
