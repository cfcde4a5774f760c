"""The page Now: what is red on default branches, and the state of each project."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.db.database import Store
from service.operations.overviews.now import Asked, Setting, read_now
from service.operations.overviews.week_figures import WeeksCache
from service.operations.overviews.workflow_filter import WorkflowFilter
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import GREEN, NINE, RED, Instance, an_instance
from tests.support.databases import Database
from tests.support.fleet import Size, fill
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
TWO_TEAMS = """\
people:
  linh: {vcs: [ada@example.com]}
receivers:
  web: {channels: ["json://web.example.com"]}
  phones: {channels: ["json://phones.example.com"]}
routes:
  - {name: red, match: {project: gh/acme/web, status: [failed, error]}, receiver: web}
  - {name: app, match: {project: gh/acme/ios}, receiver: phones}
"""


async def page(instance: Instance, address: str = "/") -> httpx.Response:
    response = await instance.http.get(address, headers=BEARER if ".json" in address else None)
    assert response.status_code == 200, response.text
    return response


async def rows(instance: Instance, query: str = "") -> Any:
    """The rows of the page as JSON, and never from a cache: a minute has passed."""
    instance.clock.tick(minutes=1)
    return (await page(instance, f"/now.json{query}")).json()


async def finish(instance: Instance, run: Run) -> None:
    await instance.finish(run)
    await instance.drain()


@pytest.fixture
async def teams(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, TWO_TEAMS) as instance:
        yield instance


async def test_before_the_first_post_there_are_the_steps_of_the_first_run(instance: Instance) -> None:
    shown = await page(instance)

    assert "No webhook received yet: the first run, step by step" in text(shown)
    assert "<title>Now · Roundsman</title>" in shown.text
    assert '/static/favicon.svg"' in shown.text


async def test_a_post_that_is_not_judged_yet_is_said(instance: Instance) -> None:
    await instance.finish(RED)

    assert "A webhook was received and is not judged yet." in text(await page(instance))


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_red_workflow_stands_with_what_fails_and_who_was_told(instance: Instance) -> None:
    await finish(instance, RED)

    shown = await page(instance)
    words = text(shown)

    assert words.startswith("1 of 1 workflow is red on its default branch")
    assert "acme/web build-and-test · main" in words
    assert "· 1 run" in words
    assert "broke with" in words
    assert "told: web (json)" in words
    assert "✕ 1 of 1 red" in words
    assert "<title>(1) red · Now · Roundsman</title>" in shown.text
    assert "/static/favicon-red.svg" in shown.text
    assert ">Now (1)</a>" in shown.text


@pytest.mark.databases("sqlite", "postgres")
async def test_its_twin_has_the_shape_of_the_incident_and_more(instance: Instance) -> None:
    await finish(instance, RED)
    [incident] = (await page(instance, "/api/v1/incidents")).json()["items"]

    found = await rows(instance)
    [red] = found["items"]

    assert (found["red"], found["workflows"], found["next"]) == (1, 1, None)
    assert {name: red[name] for name in incident} == incident
    assert red["fails"]["tests"] > 0
    assert red["fails"]["test"]
    assert red["broke_with"]["revision"] == RED.revision
    assert [run["color"] for run in red["runs"]] == ["red"]
    assert red["told"] == [{"channel": "web (json)", "state": "sent", "receiver": "web"}]
    assert found["figures"]["last_week"] == {"runs": 1, "green_share": 0.0, "median_ms": None}
    assert found["figures"]["coverage"] == {"known": 1, "red_runs": 1}


@pytest.mark.databases("sqlite", "postgres")
async def test_tests_of_a_run_whose_rerun_is_green_flaked(instance: Instance) -> None:
    await finish(instance, RED)
    before = (await rows(instance))["figures"]["flaked_tests"]
    await finish(instance, replace(RED, attempt=2, status="success", jobs=GREEN.jobs, waited_s=RED.waited_s + 1_200))
    instance.clock.tick(minutes=2)

    assert (before, (await rows(instance))["figures"]["flaked_tests"]) == (0, 3)


async def test_workflow_whose_state_is_not_known_counts_in_no_share(instance: Instance) -> None:
    await finish(instance, RED)
    await finish(instance, replace(RED, number=RED.number + 1, workflow="deploy", status="unauthorized"))

    words = text(await page(instance))

    assert words.startswith("1 of 1 workflow is red on its default branch")
    assert "✕ 1 of 1 red" in words


@pytest.mark.long
async def test_it_is_green_again_after_the_fix(instance: Instance) -> None:
    await finish(instance, RED)
    await finish(instance, GREEN)

    words = text(await page(instance))
    found = await rows(instance)

    assert words.startswith("The workflow is green on its default branch")
    assert "Nothing is red now." in words
    assert "✓ 1 green" in words
    assert [run["color"] for run in found["projects"][0]["runs"]] == ["red", "green"]
    assert found["figures"]["last_week"]["green_share"] == 0.5


async def test_a_taken_and_muted_incident_says_so(instance: Instance) -> None:
    await finish(instance, RED)
    [incident] = (await page(instance, "/api/v1/incidents")).json()["items"]
    await instance.http.post(f"/api/v1/incidents/{incident['id']}/take", json={"by": "<b>Linh</b>", "until": "2h"})
    await instance.http.post(f"/api/v1/incidents/{incident['id']}/mute")

    shown = await page(instance)

    assert "<b>Linh</b> has it until today" in text(shown)
    assert "&lt;b&gt;Linh&lt;/b&gt;" in shown.text
    assert "muted" in text(shown)


async def test_a_red_without_a_run_for_long_is_no_longer_counted(instance: Instance) -> None:
    await finish(instance, RED)
    instance.clock.tick(days=31)

    found = await rows(instance)

    assert (found["red"], found["workflows"], found["items"]) == (0, 0, [])
    assert [one["workflow"] for one in found["stale"]] == ["build-and-test"]
    assert found["projects"][0]["state"] == "stale"
    assert ">Now</a>" in (await page(instance)).text


async def test_branches_other_than_the_default_are_left_out(instance: Instance) -> None:
    await finish(instance, replace(RED, branch="topic"))

    assert (await rows(instance))["projects"] == []


@pytest.mark.long
async def test_teams_and_people_choose_their_part(teams: Instance) -> None:
    await finish(teams, RED)
    author = (await rows(teams))["items"][0]["broke_with"]["author"]

    red = [(await rows(teams, query))["red"] for query in ("?team=web", "?team=phones", f"?mine={author}", "?mine=zed")]
    shown = await page(teams, "/?team=phones")

    assert red == [1, 0, 1, 0]
    assert "team web" in text(shown)
    assert "✓ team phones" in text(shown)
    assert "No workflow of a default branch fits this choice." in text(shown)


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/?status=failed&branch=main", "/builds?status=failed&branch=main"),
        ("/?q=", "/builds?q="),
        ("/?cursor=abc", "/builds?cursor=abc"),
        ("/?mine=&team=web", "/?team=web"),
    ],
)
async def test_filters_of_builds_lead_to_the_builds(instance: Instance, asked: str, leads_to: str) -> None:
    response = await instance.http.get(asked)

    assert (response.status_code, response.headers["location"]) == (303, leads_to)


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?page=²", "?nonsense=1", "?team=a&team=b"])
async def test_what_means_nothing_is_refused_with_a_sentence(instance: Instance, query: str) -> None:
    shown, twin = await instance.http.get(f"/{query}"), await instance.http.get(f"/now.json{query}", headers=BEARER)

    assert (shown.status_code, twin.status_code) == (400, 400)
    assert set(twin.json()) == {"error"}


async def test_strangers_see_neither_the_page_nor_its_twin(instance: Instance) -> None:
    stranger = httpx.AsyncClient(transport=instance.http._transport, base_url=instance.http.base_url)

    async with stranger:
        shown, twin = await stranger.get("/"), await stranger.get("/now.json")

    assert (shown.status_code, shown.headers["location"].partition("?")[0]) == (303, "/login")
    assert twin.status_code == 401


async def test_it_reloads_itself_unless_that_is_stopped(instance: Instance) -> None:
    await finish(instance, RED)

    live, still = await page(instance), await page(instance, "/?still=1")

    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in live.text
    assert "http-equiv" not in still.text
    assert "reload by itself" in text(still)


@pytest.mark.long
async def test_hostile_words_stay_words(instance: Instance) -> None:
    words = "<script>alert(1)</script>"
    await finish(instance, replace(RED, workflow=words))

    shown = await page(instance, "/?mine=%3Cscript%3E")

    assert "<script>" not in shown.text
    assert words in text(await page(instance))


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_forty_projects_fit_on_a_page_in_both_databases(database: Database) -> None:
    store = Store(database.url)
    await fill(store, Size(projects=12, days=20), NINE)

    found: Any = await store.read(read_now, Asked(), NINE, weeks=WeeksCache(), setting=Setting())
    part: Any = await store.read(
        read_now, Asked(wanted=WorkflowFilter(organization="TOOLS")), NINE, weeks=WeeksCache(), setting=Setting()
    )
    await store.close()

    since = [red["opened_at"] for red in found["items"]]
    states = [one["state"] for one in found["projects"]]
    assert found["red"] == len(found["items"]) > 2
    assert since == sorted(since, reverse=True)
    assert states == sorted(states, key=["red", "green", "unknown", "stale"].index)
    assert 10 < max(len(red["runs"]) for red in found["items"]) <= 14
    assert all(red["runs"][-1]["color"] != "green" for red in found["items"])
    assert {one["project_name"].split("/")[0] for one in part["projects"]} == {"tools"}
    assert 0 < part["figures"]["last_week"]["runs"] < found["figures"]["last_week"]["runs"]
    assert found["figures"]["last_week"]["median_ms"] > 0


@pytest.mark.long
async def test_red_ones_beyond_a_page_are_on_the_next(instance: Instance) -> None:
    await fill(instance.service.context.store, Size(projects=60, days=8, workflows=4), NINE)

    first, second = await rows(instance), await rows(instance, "?page=2")
    shown = await page(instance)

    assert first["next"] == 2
    assert len(first["items"]) == 20
    assert second["items"][0]["id"] not in {one["id"] for one in first["items"]}
    assert 'href="/?page=2" rel="next"' in shown.text
    assert len(shown.content) < 120_000
    assert len(re.findall(r"<li class=\"tile", shown.text)) == 60
