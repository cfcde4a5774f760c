"""The page of changed settings, its rows as JSON, and the same in the API."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import WEB
from tests.support.app_fixture import RED, RED_TO_WEB, House, a_house
from tests.support.pages_fixture import text

API = "/api/v1/settings-changes"


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    """A service that has compared the settings of two days, and may not read the contexts."""
    async with a_house(folder, RED_TO_WEB) as house:
        await house.finish(replace(RED, number=1))
        await house.drain()
        fake = house.pretend.settings
        fake.env_vars[WEB.slug] = ["SENTRY_TOKEN"]
        await look(house)
        house.pretend.faults.next("*/context", broken(403), times=9)
        fake.checkout_keys[WEB.slug], fake.env_vars[WEB.slug] = {"deploy-2": "deploy-key"}, []
        fake.switches["build_fork_prs"] = True
        await look(house)
        await house.http.get("/builds")  # logged in
        yield house


async def look(house: House) -> None:
    house.clock.tick(days=1)
    await house.service.pipeline.look_at_guards()
    await house.drain()


async def listed(house: House, query: str = "") -> Any:
    answer = await house.http.get(f"{API}{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_page_names_each_change_with_its_states_before_and_after(house: House) -> None:
    page = text(await house.http.get("/settings"))

    assert "gh/acme/web" in page
    assert "checkout key SHA256:deploy-2 added before – after deploy-key" in page
    assert "environment variable SENTRY_TOKEN removed before there after –" in page
    assert "project setting build_fork_prs changed before off after on" in page
    assert "2 projects and organizations are compared once a day." in page
    assert "Contexts of gh/acme: CircleCI answered 403" in page
    assert "xxxx1234" not in page


@pytest.mark.long
async def test_api_lists_changes_a_page_at_a_time(house: House) -> None:
    found, cursor = [], ""
    for _ in range(3):
        page = await listed(house, f"?limit=1{cursor}")
        found += page["items"]
        cursor = f"&cursor={page['next']}"

    assert page["next"] is None
    assert sorted((one["of"], one["kind"], one["name"], one["before"], one["after"]) for one in found) == [
        ("gh/acme/web", "added", "SHA256:deploy-2", None, "deploy-key"),
        ("gh/acme/web", "changed", "build_fork_prs", "off", "on"),
        ("gh/acme/web", "removed", "SENTRY_TOKEN", "", None),
    ]
    assert (await house.http.get("/settings.json")).json()["items"] == (await listed(house))["items"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?of=gh/acme/web", 3),
        ("?of=github/acme/web", 3),
        ("?of=gh/acme", 3),
        ("?of=gh/acm", 0),
        ("?of=gh/acme/%25", 0),
        ("?of=%00", 0),
        ("?since=1h", 3),
        ("?since=yesterday", 3),
    ],
)
@pytest.mark.long
async def test_filters(house: House, query: str, count: int) -> None:
    assert len((await listed(house, query))["items"]) == count
    assert (await house.http.get(f"/settings{query}")).status_code == 200


@pytest.mark.long
async def test_since_leaves_out_older_changes(house: House) -> None:
    house.clock.now += timedelta(days=9)

    assert (await listed(house, "?since=7d"))["items"] == []
    assert "Nothing has changed there." in text(await house.http.get("/settings?since=7d"))


@pytest.mark.long
@pytest.mark.parametrize("query", ["?project=x", "?of=a&of=b", "?since=never", "?cursor=x", "?of=" + "x" * 401])
async def test_what_cannot_be_meant_is_refused(house: House, query: str) -> None:
    assert (await house.http.get(f"{API}{query}")).status_code == 400
    assert (await house.http.get(f"/settings{query}")).status_code == 400


@pytest.mark.long
async def test_strangers_see_nothing(house: House) -> None:
    async with house.stranger() as client:
        answers = [await client.get(path) for path in ("/settings", "/settings.json", API)]

    assert [answer.status_code for answer in answers] == [303, 401, 401]


@pytest.mark.long
async def test_pages_lead_there(house: House) -> None:
    [event] = (await house.http.get("/api/v1/events?event=settings-changed")).json()["items"]

    project = await house.http.get("/projects/acme/web")
    build = await house.http.get(f"/builds/{event['id']}")

    assert 'href="/settings?of=' in project.text
    assert 'href="/settings?of=gh/acme/web"' in build.text
    shown = text(build)
    assert "acme/web: settings changed at CircleCI" in shown
    assert "Checkout key SHA256:deploy-2 added to gh/acme/web: deploy-key" in shown
    assert "CircleCI was not asked" not in shown


@pytest.mark.long
async def test_project_that_waits_longer_than_a_day_is_counted(house: House) -> None:
    house.clock.tick(days=2)

    assert "2 of them waited longer" in text(await house.http.get("/settings"))


@pytest.mark.long
async def test_page_without_any_look_says_how_it_begins(folder: Path) -> None:
    async with a_house(folder, RED_TO_WEB) as house:
        await house.http.get("/builds")
        page = text(await house.http.get("/settings"))

    assert "Nothing was compared yet." in page
    assert "roundsman settings snapshot" in page


@pytest.mark.long
async def test_changes_of_one_look_are_in_the_order_of_their_areas_and_names(house: House) -> None:
    house.pretend.settings.env_vars[WEB.slug] = [f"TOKEN_{number}" for number in range(8)]
    await look(house)

    names = [one["name"] for one in (await listed(house, "?since=1h"))["items"]]

    assert names == [f"TOKEN_{number}" for number in range(8)]
