"""Tests by state: over the API, page by page."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.model import Color
from service.model import Run as StoredRun
from service.operations.test_history import tests
from service.store.runs import run_history, runs
from service.store.test_history import test_results
from service.store.test_history.test_list import TestFilter
from service.testing.fake_circleci.faults import broken
from service.testing.sample_runs import VOUCHERS
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.tested_runs import post, run

pytestmark = pytest.mark.databases("sqlite", "postgres")

KEYS = (
    *("project", "project_name", "job", "name", "class_name", "file", "state", "rate", "flip_rate", "runs", "fails"),
    *("first_failed_at", "last_failed_at", "evidence"),
)
ADDS, SLEEPS = VOUCHERS[0].name, "test_sleeps"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as instance:
        instance.clock.tick(hours=12)
        yield instance


async def listed(instance: Instance, **asked: object) -> Any:
    answer = await instance.http.get("/api/v1/tests", params={name: str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def states(instance: Instance, **asked: object) -> dict[str, str]:
    return {item["name"]: item["state"] for item in (await listed(instance, **asked))["items"]}


async def test_a_test_has_its_keys(instance: Instance) -> None:
    red = run(901, VOUCHERS[0])
    await post(instance, run(900), red)

    [item] = (await listed(instance))["items"]

    assert tuple(item) == KEYS
    stopped_at = item["first_failed_at"]
    assert item == {
        "project": "gh/acme/web",
        "project_name": "acme/web",
        "job": "unit-tests",
        "name": ADDS,
        "class_name": VOUCHERS[0].class_name,
        "file": VOUCHERS[0].file,
        "state": "new",
        "rate": pytest.approx(0.5 / 52, abs=1e-4),
        "flip_rate": None,
        "runs": 2,
        "fails": 1,
        "first_failed_at": stopped_at,
        "last_failed_at": stopped_at,
        "evidence": f"it failed in its last run, at {stopped_at[:10]} {stopped_at[11:16]} UTC",
    }


@pytest.mark.long
async def test_a_test_is_new_then_failing_then_passing(instance: Instance) -> None:
    await post(instance, run(900), run(901, VOUCHERS[0]))
    new = await states(instance)
    await post(instance, run(902, VOUCHERS[0]))
    failing = await states(instance)
    await post(instance, run(903))

    assert (new, failing, await states(instance)) == ({ADDS: "new"}, {ADDS: "failing"}, {ADDS: "passing"})


@pytest.mark.long
async def test_a_state_is_asked_for(instance: Instance) -> None:
    slow = replace(VOUCHERS[1], name=SLEEPS, run_time_s=30.0)
    await post(instance, run(900), run(901, VOUCHERS[0]), run(901, attempt=2), run(902, slow))

    assert await states(instance, state="flaky") == {ADDS: "flaky"}
    assert await states(instance, state="failing") == await states(instance, state="new") == {SLEEPS: "new"}
    assert await states(instance, state="slow") == {SLEEPS: "new"}


@pytest.mark.long
async def test_a_test_that_flips_on_the_default_branch_is_flaky_without_a_contradiction(instance: Instance) -> None:
    flipping = [run(number, *([VOUCHERS[0]] if number in {904, 908} else [])) for number in range(900, 912)]
    await post(instance, *flipping, run(920, VOUCHERS[1], branch="feature"))

    [item] = (await listed(instance, state="flaky"))["items"]

    assert (item["name"], item["evidence"]) == (ADDS, "17 % of its runs on the default branch failed after a pass")


async def flipped(instance: Instance) -> tuple[str, str]:
    """Make a test flip in four runs and another in two; return their names."""
    often, seldom = VOUCHERS[0], VOUCHERS[1]
    failing = {901: [often], 903: [often, seldom], 906: [often], 908: [often], 910: [seldom]}
    await post(instance, *(run(number, *failing.get(number, [])) for number in range(900, 916)))
    return often.name, seldom.name


@pytest.mark.long
async def test_flaky_tests_go_by_their_flip_rate_page_by_page(instance: Instance) -> None:
    often, seldom = await flipped(instance)

    every = await listed(instance, state="flaky")
    first = await listed(instance, state="flaky", limit=1)
    second = await listed(instance, state="flaky", limit=1, cursor=first["next"])

    assert [(one["name"], one["flip_rate"]) for one in every["items"]] == [(often, 0.2667), (seldom, 0.1538)]
    assert (every["next"], every["left_out"]) == (None, 0)
    assert [one["name"] for one in (*first["items"], *second["items"])] == [often, seldom]
    assert second["next"] is None
    assert [one["name"] for one in (await listed(instance))["items"]] == [seldom, often]  # the latest to fail first


@pytest.mark.long
async def test_tests_that_are_not_judged_for_the_flaky_list_are_counted(instance: Instance) -> None:
    _, seldom = await flipped(instance)

    found, left_out = await instance.service.context.store.read(
        tests.all_flaky, instance.clock.now, TestFilter(), tests.LISTED, stride=1, strides=1
    )

    assert ([one.row["name"] for one in found], left_out) == ([seldom], 1)


@pytest.mark.long
async def test_greens_of_a_busy_track_leave_room_for_those_of_others(instance: Instance) -> None:
    await post(instance, run(900), run(901, branch="quiet"))
    store = instance.service.context.store
    rows = instance.rows("SELECT id FROM tracks ORDER BY id")
    busy, quiet = (track_id for (track_id,) in rows)
    [event_id] = [UUID(str(one)) for (one,) in instance.rows("SELECT event_id FROM runs WHERE track_id = ?", busy)]
    at = RED.pushed_at + timedelta(days=1)
    added = [
        StoredRun(
            id=uuid4(),
            event_id=event_id,
            track_id=busy,
            pipeline_number=1_000 + number,
            created_at=at,
            stopped_at=at + timedelta(minutes=number),
            color=Color.GREEN,
        )
        for number in range(600)
    ]
    await store.write(runs.put, added)

    found = await store.read(run_history.greens_of, [busy, quiet], since=RED.pushed_at - timedelta(days=1))

    of_busy = [row["pipeline_number"] for row in found if row["track_id"] == busy]
    assert of_busy == list(range(1_599, 1_099, -1))
    assert len(found) == 501


@pytest.mark.long
async def test_more_results_than_may_be_judged_by_are_those_of_the_last_runs(instance: Instance) -> None:
    await post(instance, run(900, *VOUCHERS[:2]), run(901, VOUCHERS[0]), run(902, VOUCHERS[1]))
    store, test_ids = instance.service.context.store, [row[0] for row in instance.rows("SELECT id FROM tests")]
    since = RED.pushed_at - timedelta(days=1)
    every = await store.read(test_results.results_of, test_ids, since=since)

    last, two = [await store.read(test_results.results_of, test_ids, since=since, limit=limit) for limit in (1, 2)]

    times, *kept = (sorted(row["at"] for some in found.values() for row in some) for found in (every, last, two))
    assert len(times) > 2
    assert kept == [times[-1:], times[-2:]]


@pytest.mark.long
async def test_what_is_not_known_is_said(instance: Instance) -> None:
    instance.pretend.faults.next(f"/workflow/{run(902, VOUCHERS[0]).workflow_id}/job", broken(404))
    await post(
        instance, run(900), run(901, VOUCHERS[0]), run(902, VOUCHERS[0]), run(903, VOUCHERS[0], branch="feature")
    )

    assert (await listed(instance))["coverage"] == {"known": 2, "red_runs": 3}
    assert (await listed(instance, branch="main", project="gh/acme/web"))["coverage"] == {"known": 1, "red_runs": 2}
    assert (await listed(instance, project="other"))["coverage"] == {"known": 0, "red_runs": 0}
    status = (await instance.http.get("/api/v1/status", params={"project": "acme/web"})).json()
    assert status["coverage"] == {"known": 1, "red_runs": 2}
    instance.clock.tick(days=91)
    assert (await listed(instance))["coverage"] == {"known": 0, "red_runs": 0}


@pytest.mark.long
async def test_a_branch_has_its_own_states(instance: Instance) -> None:
    await post(instance, run(900), run(901, VOUCHERS[0], branch="feature"))

    assert await states(instance, branch="main") == {}
    assert await states(instance, branch="feature") == {ADDS: "failing"}


@pytest.mark.long
@pytest.mark.parametrize("project", ["gh/acme/web", "github/acme/web", "acme/web"])
async def test_a_project_goes_by_slug_and_name(instance: Instance, project: str) -> None:
    await post(instance, run(901, VOUCHERS[0]))

    assert await states(instance, project=project) == {ADDS: "failing"}
    assert await states(instance, project="gh/acme/other") == {}


async def test_a_test_that_did_not_fail_for_90_days_is_left_out(instance: Instance) -> None:
    await post(instance, run(901, VOUCHERS[0]))
    instance.clock.tick(days=91)

    assert await states(instance) == {}


async def test_pages_follow_each_other(instance: Instance) -> None:
    await post(instance, run(901, *VOUCHERS))

    names: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        page = await listed(instance, limit=1, **cursor)
        names += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert sorted(names) == sorted(test.name for test in VOUCHERS)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"state": "broken"}, "'broken' is not a state to ask for; give one of failing, new, flaky, slow"),
        ({"colour": "red"}, "'colour' means nothing here; there are project, branch, state, limit and cursor"),
        ({"cursor": "x"}, "cursor is not one of ours: take it from the page before"),
        ({"cursor": "WzEsMl0"}, "cursor is not one of ours: take it from the page before"),
        ({"state": "flaky", "cursor": "x"}, "cursor is not one of ours: take it from the page before"),
        ({"state": "flaky", "cursor": "WzEsMl0"}, "cursor is not one of ours: take it from the page before"),
        ({"limit": "0"}, "limit must be"),
    ],
)
async def test_what_cannot_be_asked_is_named(instance: Instance, asked: dict[str, str], problem: str) -> None:
    answer = await instance.http.get("/api/v1/tests", params=asked)

    assert answer.status_code == 400
    assert problem in answer.json()["error"]
