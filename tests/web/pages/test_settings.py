"""The page of changed settings, its rows as JSON, and the same in the API."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import WEB
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.pages_fixture import text

API = "/api/v1/settings-changes"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """A service that has compared the settings of two days, and may not read the contexts."""
    async with an_instance(folder, RED_TO_WEB) as instance:
        await instance.finish(replace(RED, number=1))
        await instance.drain()
        fake = instance.pretend.settings
        fake.env_vars[WEB.slug] = ["SENTRY_TOKEN"]
        await look(instance)
        instance.pretend.faults.next("*/context", broken(403), times=9)
        fake.checkout_keys[WEB.slug], fake.env_vars[WEB.slug] = {"deploy-2": "deploy-key"}, []
        fake.switches["build_fork_prs"] = True
        await look(instance)
        await instance.http.get("/builds")  # logged in
        yield instance


async def look(instance: Instance) -> None:
    instance.clock.tick(days=1)
    await instance.service.pipeline.look_at_guards()
    await instance.drain()


async def listed(instance: Instance, query: str = "") -> Any:
    answer = await instance.http.get(f"{API}{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_page_names_each_change_with_its_states_before_and_after(instance: Instance) -> None:
    page = text(await instance.http.get("/settings"))

    assert "gh/acme/web" in page
    assert "checkout key SHA256:deploy-2 added before – after deploy-key" in page
    assert "environment variable SENTRY_TOKEN removed before there after –" in page
    assert "project setting build_fork_prs changed before off after on" in page
    assert "2 projects and organizations are compared once a day." in page
    assert "Contexts of gh/acme: CircleCI answered 403" in page
    assert "xxxx1234" not in page


@pytest.mark.long
async def test_api_lists_changes_a_page_at_a_time(instance: Instance) -> None:
    found, cursor = [], ""
    for _ in range(3):
        page = await listed(instance, f"?limit=1{cursor}")
        found += page["items"]
        cursor = f"&cursor={page['next']}"

    assert page["next"] is None
    assert sorted((one["of"], one["kind"], one["name"], one["before"], one["after"]) for one in found) == [
        ("gh/acme/web", "added", "SHA256:deploy-2", None, "deploy-key"),
        ("gh/acme/web", "changed", "build_fork_prs", "off", "on"),
        ("gh/acme/web", "removed", "SENTRY_TOKEN", "", None),
    ]
    assert (await instance.http.get("/settings.json")).json()["items"] == (await listed(instance))["items"]


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
async def test_filters(instance: Instance, query: str, count: int) -> None:
    assert len((await listed(instance, query))["items"]) == count
    assert (await instance.http.get(f"/settings{query}")).status_code == 200


@pytest.mark.long
async def test_since_leaves_out_older_changes(instance: Instance) -> None:
    instance.clock.now += timedelta(days=9)

    assert (await listed(instance, "?since=7d"))["items"] == []
    assert "Nothing has changed there." in text(await instance.http.get("/settings?since=7d"))


@pytest.mark.long
@pytest.mark.parametrize("query", ["?project=x", "?of=a&of=b", "?since=never", "?cursor=x", "?of=" + "x" * 401])
async def test_what_cannot_be_meant_is_refused(instance: Instance, query: str) -> None:
    assert (await instance.http.get(f"{API}{query}")).status_code == 400
    assert (await instance.http.get(f"/settings{query}")).status_code == 400


@pytest.mark.long
async def test_strangers_see_nothing(instance: Instance) -> None:
    async with instance.stranger() as client:
        answers = [await client.get(path) for path in ("/settings", "/settings.json", API)]

    assert [answer.status_code for answer in answers] == [303, 401, 401]


@pytest.mark.long
async def test_pages_lead_there(instance: Instance) -> None:
    [event] = (await instance.http.get("/api/v1/events?event=settings-changed")).json()["items"]

    project = await instance.http.get("/projects/acme/web")
    build = await instance.http.get(f"/builds/{event['id']}")

    assert 'href="/settings?of=' in project.text
    assert 'href="/settings?of=gh/acme/web"' in build.text
    shown = text(build)
    assert "acme/web: settings changed at CircleCI" in shown
    assert "Checkout key SHA256:deploy-2 added to gh/acme/web: deploy-key" in shown
    assert "CircleCI was not asked" not in shown


@pytest.mark.long
async def test_project_that_waits_longer_than_a_day_is_counted(instance: Instance) -> None:
    instance.clock.tick(days=2)

    assert "2 of them waited longer" in text(await instance.http.get("/settings"))


@pytest.mark.long
async def test_page_without_any_look_says_how_it_begins(folder: Path) -> None:
    async with an_instance(folder, RED_TO_WEB) as instance:
        await instance.http.get("/builds")
        page = text(await instance.http.get("/settings"))

    assert "Nothing was compared yet." in page
    assert "roundsman settings snapshot" in page


@pytest.mark.long
async def test_changes_of_one_look_are_in_the_order_of_their_areas_and_names(instance: Instance) -> None:
    instance.pretend.settings.env_vars[WEB.slug] = [f"TOKEN_{number}" for number in range(8)]
    await look(instance)

    names = [one["name"] for one in (await listed(instance, "?since=1h"))["items"]]

    assert names == [f"TOKEN_{number}" for number in range(8)]
