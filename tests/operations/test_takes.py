"""Who has an incident: another person's take is not replaced without a word."""

import pytest

from tests.operations.incidents.test_incidents import act, get, happened, one
from tests.pipeline.judgment.test_judge_runs import run
from tests.support.app_fixture import Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def test_the_take_of_another_is_replaced_only_on_request_and_on_record(instance: Instance) -> None:
    await happened(instance, run(1, "failed"))
    taken = await act(instance, "take", by="Linh", until="2h")

    refused = await act(instance, "take", 409, by="Ada")
    other = await act(instance, "take", 409, by="Ada", replace="Priya")
    kept = (await one(instance))["taken"]["by"]
    longer = await act(instance, "take", by="linh", until="4h")
    replaced = await act(instance, "take", by="Ada", replace=True, until="1h")
    instance.clock.tick(hours=1)
    free = await act(instance, "take", by="Priya")

    problem = f"incident {taken['id']} is taken by Linh, since 2026-11-22 13:15 UTC, until 2026-11-22 15:15 UTC"
    assert refused["error"] == other["error"] == f"{problem}; say `replace` to take it over"
    assert (kept, longer["taken"]["by"], replaced["taken"]["by"], free["taken"]["by"]) == (
        *("Linh", "linh", "Ada", "Priya"),
    )
    shown = await get(instance, f"incidents/{taken['id']}")
    assert [done["reason"] for done in shown["actions"]] == [
        "for Linh; until 2026-11-22 15:15 UTC",
        "for linh; until 2026-11-22 17:15 UTC",
        "for Ada; in place of linh; until 2026-11-22 14:15 UTC",
        "for Priya",
    ]
