"""The pages of all projects and of one project, and their JSON."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from service.db.database import Store
from service.operations.overviews.month_figures import MonthCache
from service.operations.overviews.now import Setting
from service.operations.overviews.projects import Asked, read_projects
from service.operations.overviews.workflow_filter import WorkflowFilter
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import GREEN, NINE, RED, RED_TO_WEB, Instance, an_instance
from tests.support.databases import Database
from tests.support.fleet import Size, fill
from tests.support.long_cases import first_and_long
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}


async def page(instance: Instance, address: str, *, status: int = 200) -> httpx.Response:
    response = await instance.http.get(address)
    assert response.status_code == status, response.text
    return response


async def rows(instance: Instance, address: str) -> Any:
    """The JSON at an address, and never from a cache: a minute has passed."""
    instance.clock.tick(minutes=1)
    response = await instance.http.get(address, headers=BEARER)
    assert response.status_code == 200, response.text
    return response.json()


async def finish(instance: Instance, *runs: Run) -> None:
    for run in runs:
        await instance.finish(run)
    await instance.drain()


async def finish_as(instance: Instance, run: Run, *, slug: str, name: str) -> None:
    """Post a run as that of another project."""
    payload: Any = workflow_completed(run)
    await instance.post(payload | {"project": {"id": f"id of {slug}", "slug": slug, "name": name}})
    await instance.drain()


async def test_before_the_first_post_there_are_the_steps_of_the_first_run(instance: Instance) -> None:
    shown = await page(instance, "/projects")

    assert "the first run, step by step" in text(shown)
    assert '<a href="/projects" aria-current="page">Projects</a>' in shown.text


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_project_is_a_row_with_its_state_and_figures(instance: Instance) -> None:
    await finish(instance, RED)
    red = await rows(instance, "/projects.json")
    words = text(await page(instance, "/projects"))
    await finish(instance, GREEN)
    green = await rows(instance, "/projects.json")

    [item] = red["items"]
    assert (red["red"], red["all"], item["state"], item["red"], item["workflows"]) == (1, 1, "red", 1, 1)
    assert (item["green_share"], item["median_ms"]) == (0.0, None)
    assert item["red_since"]
    assert "1 of 1 project is red on its default branch" in words
    assert "acme/web ✕ 1 of 1 red" in words
    [item] = green["items"]
    assert (item["state"], item["green_share"], item["red_since"]) == ("green", 0.5, None)
    assert item["median_ms"] > 0
    assert item["last_red"]


async def test_a_project_without_a_run_of_its_default_branch_is_grey(instance: Instance) -> None:
    await finish(instance, replace(RED, branch="topic"))

    found = await rows(instance, "/projects.json")

    assert [(one["project_name"], one["state"], one["workflows"]) for one in found["items"]] == [
        ("acme/web", "unknown", 0)
    ]
    assert "no run there" in text(await page(instance, "/projects"))
    assert "acme/web" in text(await page(instance, "/projects/acme/web"))


@pytest.mark.parametrize(
    ("query", "count"),
    first_and_long(
        [("organization=corp", 0), ("organization=acme", 1), ("project=web", 1), ("project=ios", 0), ("team=web", 1)]
    ),
)
async def test_filters_choose_their_part(instance: Instance, query: str, count: int) -> None:
    await finish(instance, RED)

    found = await rows(instance, f"/projects.json?{query}")
    shown = await page(instance, f"/projects?{query}")

    assert len(found["items"]) == count
    assert ("No project with runs on record fits this choice" in text(shown)) == (count == 0)


@pytest.mark.parametrize("query", first_and_long(["?page=0", "?nonsense=1", "?project=a&project=b", "?mine=ada"]))
async def test_what_means_nothing_is_refused_with_a_sentence(instance: Instance, query: str) -> None:
    shown, twin = (
        await instance.http.get(f"/projects{query}"),
        await instance.http.get(f"/projects.json{query}", headers=BEARER),
    )

    assert (shown.status_code, twin.status_code) == (400, 400)
    assert set(twin.json()) == {"error"}


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_project_shows_workflows_branches_routes_and_hook(instance: Instance) -> None:
    await finish(instance, RED, replace(RED, number=RED.number + 1, branch="topic/<b>"))

    found = await rows(instance, "/projects/acme/web.json")
    shown = await page(instance, "/projects/acme/web")
    words = text(shown)

    assert [(one["workflow"], one["state"]) for one in found["workflows"]] == [("build-and-test", "red")]
    assert [one["branch"] for one in found["red_branches"]] == ["topic/<b>"]
    assert found["routes"] == [{"route": "red", "receiver": "web", "if": ["status: failed, error"], "continues": False}]
    assert not found["hook"]["is_silent"]
    assert "✕ 1 of 1 workflow red on main, 1 workflow red on other branches." in words
    assert "by route '<bdi>red</bdi>', if <code><bdi>status: failed, error</bdi></code>" in shown.text
    assert 'href="/projects/acme/web/build-and-test?branch=topic%2F%3Cb%3E"' in shown.text
    assert 'href="/badge/gh/acme/web.svg"' in shown.text
    assert 'href="/builds?project=gh%2Facme%2Fweb"' in shown.text


async def test_a_hook_without_a_run_for_long_is_called_silent(instance: Instance) -> None:
    await finish(instance, GREEN)
    instance.clock.tick(days=8)

    found, words = await rows(instance, "/projects/acme/web.json"), text(await page(instance, "/projects/acme/web"))

    assert found["hook"]["is_silent"]
    assert "Silent: the last run was heard of" in words


async def test_a_project_without_a_route_says_so(folder: Any) -> None:
    async with an_instance(folder, RED_TO_WEB.replace("{status", "{project: corp/*, status")) as instance:
        await finish(instance, GREEN)

        assert "No route of roundsman.yaml names this project" in text(await page(instance, "/projects/acme/web"))


@pytest.mark.long
@pytest.mark.parametrize(
    "name", first_and_long(["github/acme/web", "gh/acme/web", "-?project=acme/web", "-?project=gh%2Facme%2Fweb"])
)
async def test_slugs_and_names_lead_to_one_page(instance: Instance, name: str) -> None:
    await finish(instance, RED)
    path, _, query = name.partition("?")

    found = await rows(instance, f"/projects/{path}.json?{query}")

    assert (found["project"], found["project_name"]) == ("gh/acme/web", "acme/web")
    assert "acme/web" in text(await page(instance, f"/projects/{name}"))


@pytest.mark.long
async def test_a_slug_of_codes_is_found_by_organization_and_name(instance: Instance) -> None:
    await finish_as(instance, RED, slug="circleci/8Kq/9Zf", name="a.b 100%")

    listed = await page(instance, "/projects")
    shown = await page(instance, "/projects/acme/a.b%20100%25")

    assert 'href="/projects/acme/a.b%20100%25"' in listed.text
    assert "acme/a.b 100%" in text(shown)


@pytest.mark.parametrize("name", first_and_long(["a.json", "..", "x//y", "-", "b\\c"]))
async def test_names_that_no_path_may_have_stand_in_the_query(instance: Instance, name: str) -> None:
    await finish_as(instance, RED, slug="circleci/8Kq/9Zf", name=f"o/{name}")

    [link] = [one for one in (await page(instance, "/projects")).text.split('"') if one.startswith("/projects/")]
    shown = await page(instance, link.replace("&amp;", "&"))

    assert link.startswith("/projects/-?project=") or name == "-"
    assert f"o/{name}" in text(shown)


@pytest.mark.long
async def test_two_projects_of_one_name_are_told_apart(instance: Instance) -> None:
    await finish(instance, RED)
    await finish_as(instance, replace(GREEN, number=7), slug="bitbucket/acme/web", name="web")

    shown = await page(instance, "/projects/acme/web")
    twin = await instance.http.get("/projects/acme/web.json", headers=BEARER)

    assert 'href="/projects/gh/acme/web"' in shown.text
    assert 'href="/projects/bb/acme/web"' in shown.text
    assert twin.status_code == 400
    assert (await rows(instance, "/projects/bb/acme/web.json"))["workflows"][0]["state"] == "green"


async def test_unknown_names_are_answered_with_near_ones(instance: Instance) -> None:
    await finish(instance, RED)

    shown = await page(instance, "/projects/acme/wbe", status=404)
    twin = await instance.http.get("/projects/acme/web/biuld-and-test.json", headers=BEARER)

    assert "acme/web" in text(shown)
    assert twin.status_code == 404
    assert "build-and-test" in twin.json()["error"]


@pytest.mark.long
async def test_strangers_see_neither_the_pages_nor_their_twins(instance: Instance) -> None:
    async with httpx.AsyncClient(transport=instance.http._transport, base_url=instance.http.base_url) as stranger:
        answers = [await stranger.get(path) for path in ("/projects", "/projects/acme/web")]
        twins = [await stranger.get(path) for path in ("/projects.json", "/projects/acme/web.json")]

    assert [one.status_code for one in answers] == [303, 303]
    assert [one.status_code for one in twins] == [401, 401]


async def test_hostile_words_stay_words(instance: Instance) -> None:
    words = "<script>alert(1)</script>"
    await finish_as(instance, replace(RED, workflow=words), slug=f"circleci/1/{words}", name=words)

    listed = await page(instance, "/projects")
    [link] = [one for one in listed.text.split('"') if one.startswith("/projects/")]
    shown = await page(instance, link)

    assert "<script>alert" not in listed.text + shown.text
    assert words in text(listed)
    assert words in text(shown)


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_red_projects_stand_first_in_both_databases(database: Database) -> None:
    store = Store(database.url)
    await fill(store, Size(projects=12, days=12), NINE)

    found: Any = await store.read(read_projects, Asked(), NINE, months=MonthCache(), setting=Setting())
    part: Any = await store.read(
        read_projects,
        Asked(wanted=WorkflowFilter(organization="TOOLS")),
        NINE,
        months=MonthCache(),
        setting=Setting(),
    )
    await store.close()

    states = [one["state"] for one in found["items"]]
    assert states == sorted(states, key=["red", "green", "unknown", "stale"].index)
    assert all(0 <= one["green_share"] <= 1 for one in found["items"] if one["green_share"] is not None)
    assert {one["project_name"].split("/")[0] for one in part["items"]} == {"tools"}


@pytest.mark.long
async def test_a_thousand_workflows_are_on_pages_of_a_size(instance: Instance) -> None:
    await fill(instance.service.context.store, Size(projects=200, days=4, workflows=6), NINE)

    first, second = await rows(instance, "/projects.json"), await rows(instance, "/projects.json?page=2")
    shown = await page(instance, "/projects")

    assert len(first["items"]) == 50
    assert not {one["project"] for one in first["items"]} & {one["project"] for one in second["items"]}
    assert 'href="/projects?page=2" rel="next"' in shown.text
    assert len(shown.content) < 120_000
