"""Who has an incident: another person's take is not replaced without a word."""

import pytest

from tests.operations.incidents.test_incidents import act, get, happened, one
from tests.pipeline.judgment.test_judge_runs import run
from tests.support.app_fixture import House

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def test_the_take_of_another_is_replaced_only_on_request_and_on_record(house: House) -> None:
    await happened(house, run(1, "failed"))
    taken = await act(house, "take", by="Linh", until="2h")

    refused = await act(house, "take", 409, by="Ada")
    other = await act(house, "take", 409, by="Ada", replace="Priya")
    kept = (await one(house))["taken"]["by"]
    longer = await act(house, "take", by="linh", until="4h")
    replaced = await act(house, "take", by="Ada", replace=True, until="1h")
    house.clock.tick(hours=1)
    free = await act(house, "take", by="Priya")

    problem = f"incident {taken['id']} is taken by Linh, since 2026-11-22 13:15 UTC, until 2026-11-22 15:15 UTC"
    assert refused["error"] == other["error"] == f"{problem}; say `replace` to take it over"
    assert (kept, longer["taken"]["by"], replaced["taken"]["by"], free["taken"]["by"]) == (
        *("Linh", "linh", "Ada", "Priya"),
    )
    shown = await get(house, f"incidents/{taken['id']}")
    assert [done["reason"] for done in shown["actions"]] == [
        "for Linh; until 2026-11-22 15:15 UTC",
        "for linh; until 2026-11-22 17:15 UTC",
        "for Ada; in place of linh; until 2026-11-22 14:15 UTC",
        "for Priya",
    ]
