"""The rows of the pages of silences and known problems as JSON."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.app_fixture import House, a_house

SILENCE = {"branch": "main, release/*", "until": "2h", "comment": "a <b>new</b> runner", "act": "set"}
PROBLEM = {"title": "DNS <b>of</b> the runner", "pattern": "resolve host*", "owner": "Linh"}


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder) as house:
        await house.http.get("/builds")  # logged in
        yield house


async def test_silences_have_the_shape_of_the_api(house: House) -> None:
    for branch in ("main, release/*", "docs"):
        await house.http.post("/silences", data={**SILENCE, "branch": branch})
    ended = (await house.http.get("/api/v1/silences")).json()["items"][0]["id"]
    await house.http.post(f"/silences/{ended}/expire")

    twin = (await house.http.get("/silences.json")).json()

    api = [(await house.http.get(f"/api/v1/silences?state={state}")).json()["items"] for state in ("active", "expired")]
    assert twin == {"items": api[0], "ended": api[1]}
    assert [one["id"] for one in twin["ended"]] == [ended]


async def test_known_problems_have_the_shape_of_the_api(house: House) -> None:
    for _ in range(2):
        await house.http.post("/known-problems", data=PROBLEM)
    closed = (await house.http.get("/api/v1/known-problems")).json()["items"][0]["id"]
    await house.http.post(f"/known-problems/{closed}/close")

    twin = (await house.http.get("/known-problems.json")).json()

    assert twin["items"] == (await house.http.get("/api/v1/known-problems")).json()["items"]
    assert [one["id"] for one in twin["closed"]] == [closed]
    assert {tuple(one) for one in twin["items"]} == {tuple(one) for one in twin["closed"]}
