"""Tests that stay judged until their results change."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.db.tables import Transaction
from service.operations.test_history.shown_tests import KEPT_FOR, JudgedTests, ShownTest
from service.operations.test_history.tests_page import read_tests
from service.store.test_history import test_list
from service.store.test_history.test_list import TestFilter
from service.testing.fake_circleci.organization import Run
from service.testing.sample_runs import VOUCHERS
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance
from tests.support.tested_runs import post, run

pytestmark = pytest.mark.databases("sqlite", "postgres")

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
        return kept.judge(transaction, sorted(rows, key=lambda row: row["id"]), TestFilter(), instance.clock())

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
