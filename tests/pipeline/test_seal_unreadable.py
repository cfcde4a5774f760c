"""Rows that were written by hand, and hold what no column of ours has, are named like others."""

import pytest

from service.pipeline.upkeep.seal import seal
from service.seal_chain import sentences
from tests.pipeline.upkeep.test_seal import Tampering, a_sealed_build, found, report_of
from tests.support.app_fixture import GREEN, Instance
from tests.support.long_cases import few_and_long

TAMPERED = [
    ("UPDATE deliveries SET body = CAST(body || ' ' AS TEXT)", [("changed", "deliveries")]),
    ("UPDATE attempts SET ended_at = NULL", [("changed", "attempts")]),
    ("UPDATE deliveries SET body = 'tampered'", [("changed", "deliveries")]),
    ("UPDATE deliveries SET received_at = 'yesterday'", [("changed", "deliveries")]),
    ("UPDATE deliveries SET headers = '{'", [("changed", "deliveries")]),
    ("UPDATE sealed_rows SET salt = 'x' WHERE table_number = 3", [("changed", "attempts")]),
    ("UPDATE deliveries SET id = 'zz'", [("inserted", "deliveries"), ("removed", "deliveries")]),
    (
        "INSERT INTO actions VALUES ('zz', 'rerun', 'ff', 'mallory', 'yesterday', NULL)",
        [("inserted", "actions")],
    ),
]


@pytest.mark.parametrize("tampering", few_and_long(TAMPERED, every=7))
async def test_row_that_cannot_be_read_is_named(instance: Instance, tampering: Tampering) -> None:
    statement, findings = tampering
    await a_sealed_build(instance)

    instance.change(statement)

    assert found(await report_of(instance)) == findings


@pytest.mark.long
async def test_uncovered_row_of_a_covered_time_is_named_before_it_is_an_hour_old(instance: Instance) -> None:
    await a_sealed_build(instance)
    instance.clock.tick(minutes=10)
    await seal(instance.service.context)

    instance.change(
        "INSERT INTO actions VALUES ('000000000000000000000000000000aa', 'rerun', "
        "'000000000000000000000000000000bb', 'mallory', '2026-03-02 09:31:00.000000', NULL)"
    )

    report = await report_of(instance)
    assert report["ok"]
    assert "1 of them is of a time that is covered: committed late, or inserted: actions 00000000" in str(
        sentences(report)
    )


@pytest.mark.long
async def test_old_rows_without_any_seal_are_a_finding(instance: Instance) -> None:
    await a_sealed_build(instance)
    instance.clock.tick(hours=2)
    await instance.finish(GREEN)
    await instance.drain()

    instance.change("DELETE FROM seals")
    instance.change("DELETE FROM sealed_rows")

    [finding] = (await report_of(instance))["findings"]
    assert finding["sentence"].startswith("the database has no seal, though its rows are of more than an hour")
