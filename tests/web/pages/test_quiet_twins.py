"""The rows of the pages of silences and known problems as JSON."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.app_fixture import Instance, an_instance

SILENCE = {"branch": "main, release/*", "until": "2h", "comment": "a <b>new</b> runner", "act": "set"}
PROBLEM = {"title": "DNS <b>of</b> the runner", "pattern": "resolve host*", "owner": "Linh"}


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder) as instance:
        await instance.http.get("/builds")  # logged in
        yield instance


async def test_silences_have_the_shape_of_the_api(instance: Instance) -> None:
    for branch in ("main, release/*", "docs"):
        await instance.http.post("/silences", data={**SILENCE, "branch": branch})
    ended = (await instance.http.get("/api/v1/silences")).json()["items"][0]["id"]
    await instance.http.post(f"/silences/{ended}/expire")

    twin = (await instance.http.get("/silences.json")).json()

    api = [
        (await instance.http.get(f"/api/v1/silences?state={state}")).json()["items"] for state in ("active", "expired")
    ]
    assert twin == {"items": api[0], "ended": api[1]}
    assert [one["id"] for one in twin["ended"]] == [ended]


async def test_known_problems_have_the_shape_of_the_api(instance: Instance) -> None:
    for _ in range(2):
        await instance.http.post("/known-problems", data=PROBLEM)
    closed = (await instance.http.get("/api/v1/known-problems")).json()["items"][0]["id"]
    await instance.http.post(f"/known-problems/{closed}/close")

    twin = (await instance.http.get("/known-problems.json")).json()

    assert twin["items"] == (await instance.http.get("/api/v1/known-problems")).json()["items"]
    assert [one["id"] for one in twin["closed"]] == [closed]
    assert {tuple(one) for one in twin["items"]} == {tuple(one) for one in twin["closed"]}
