"""Tests that stay judged until their results change."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from service.db.tables import Transaction
from service.operations.test_history.judged_tests import TestFacts
from service.operations.test_history.shown_tests import KEPT_FOR, JudgedTests, ShownTest
from service.operations.test_history.tests_page import read_tests
from service.store.test_history import test_list
from service.store.test_history.test_list import TestFilter
from service.testing.fake_circleci.organization import Run
from service.testing.sample_runs import VOUCHERS
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.tested_runs import post, run

pytestmark = pytest.mark.databases("sqlite", "postgres")

READER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
SLOW = replace(VOUCHERS[1], name="test_sleeps", run_time_s=30.0)
HISTORY = (
    run(900),
    run(901, VOUCHERS[0]),
    run(901, attempt=2),
    run(902, SLOW),
    run(903, SLOW, branch="feature/cart"),
    run(903, branch="feature/cart", attempt=2),
    run(904, VOUCHERS[0], SLOW),
    run(905),
)
LATE = (*HISTORY[:2], *HISTORY[3:5], *HISTORY[6:], HISTORY[2], HISTORY[5])


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as instance:
        instance.clock.tick(hours=12)
        yield instance


async def judged(instance: Instance, kept: JudgedTests) -> list[ShownTest | None]:
    """Return the tests by a keeper, in an order of their own."""

    def judge(transaction: Transaction) -> list[ShownTest | None]:
        rows = test_list.candidates(transaction, TestFilter(), beyond=None, limit=200)
        facts = TestFacts(transaction, instance.clock())
        return kept.judge(facts, sorted(rows, key=lambda row: row["id"]), TestFilter())

    return await instance.service.context.store.read(judge)


@pytest.mark.long
async def test_what_is_kept_is_what_would_be_judged_anew(instance: Instance) -> None:
    kept = JudgedTests()

    for one in HISTORY[:5]:
        await post(instance, one)
        await expect_as_anew(instance, kept)


@pytest.mark.long
async def test_older_runs_that_arrive_late_count_after_some_minutes(instance: Instance) -> None:
    kept = JudgedTests()

    for nth, one in enumerate(LATE):
        await post(instance, one)
        await expect_as_anew(instance, kept, later=nth * KEPT_FOR)


async def expect_as_anew(instance: Instance, kept: JudgedTests, *, later: timedelta = timedelta()) -> None:
    now, store = instance.clock() + later, instance.service.context.store
    for wanted in (TestFilter(), TestFilter(branch="main")):
        shown = await store.read(read_tests, now, wanted, kept)
        assert shown == await store.read(read_tests, now, wanted, JudgedTests())


@pytest.mark.long
async def test_a_test_is_judged_again_when_it_has_another_result_and_not_before(instance: Instance) -> None:
    kept = JudgedTests()
    await post(instance, run(900), run(901, VOUCHERS[0], SLOW), elsewhere(902))
    before = await judged(instance, kept)

    again = await judged(instance, kept)
    await post(instance, run(903, SLOW))
    after = await judged(instance, kept)

    assert [one is other for one, other in zip(before, again, strict=True)] == [True] * 3
    assert [one is other for one, other in zip(before, after, strict=True)].count(True) == 1


def elsewhere(number: int) -> Run:
    """Return a red run of another branch with a test of its own."""
    return run(number, replace(VOUCHERS[0], name="test_elsewhere"), branch="feature/cart")


async def test_after_some_minutes_a_test_is_judged_again_though_nothing_changed(instance: Instance) -> None:
    kept = JudgedTests()
    await post(instance, run(901, VOUCHERS[0]))
    [before] = await judged(instance, kept)

    instance.clock.tick(seconds=KEPT_FOR.total_seconds())
    [after] = await judged(instance, kept)

    assert after == before
    assert after is not before


@contextmanager
def judgings() -> Iterator[list[str]]:
    """Yield the statements that read the times of tests, once when some are judged, of all connections."""
    read: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM test_days" in statement:
            read.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield read
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_a_test_is_judged_once_for_page_api_and_insights(instance: Instance) -> None:
    await post(instance, run(900), run(901, VOUCHERS[0], SLOW), run(901, attempt=2))
    with judgings() as first:
        listed = (await instance.http.get("/api/v1/tests")).json()["items"]
    with judgings() as others:
        flaky = (await instance.http.get("/api/v1/tests?state=flaky")).json()["items"]
        page = (await instance.http.get("/tests.json", headers=READER)).json()
        insights = await instance.http.get("/api/v1/insights")

    assert (len(first), others) == (1, [])
    assert {one["name"] for one in flaky} <= {one["name"] for one in listed}
    assert [one["name"] for one in page["sections"]["flaky"]["items"]] == [one["name"] for one in flaky]
    assert insights.status_code == 200


async def test_readers_that_come_at_once_have_a_test_judged_once(instance: Instance) -> None:
    await post(instance, run(900), run(901, VOUCHERS[0], SLOW))
    kept = JudgedTests()

    with judgings() as read:
        found = await asyncio.gather(*(judged(instance, kept) for _ in range(4)))

    assert len(read) == 1
    assert all(one is other for some in found for one, other in zip(some, found[0], strict=True))
