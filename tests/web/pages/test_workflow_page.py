"""The page of one workflow: its jobs by runs, durations, days and times of red, and its JSON."""

from dataclasses import replace
from typing import Any

import pytest

from service.db.database import Store
from service.operations.overviews.workflow_page import OnBranch, read_workflow
from service.store.runs.project_tracks import ProjectKey
from service.testing.fake_circleci.payloads import job_completed
from service.web.pages import run_charts
from tests.support.app_fixture import GREEN, NINE, RED, Instance
from tests.support.databases import Database
from tests.support.fleet import JOBS, Size, fill
from tests.support.long_cases import first_and_long
from tests.support.pages_fixture import text
from tests.web.pages.test_projects import BEARER, finish, finish_as, page, rows

PATH = "/projects/acme/web/build-and-test"


@pytest.fixture
async def broken(instance: Instance) -> Instance:
    await finish(instance, RED)
    return instance


@pytest.mark.databases("sqlite", "postgres")
async def test_jobs_are_known_by_their_own_posts_and_by_what_circleci_told(instance: Instance) -> None:
    for job in GREEN.jobs:
        await instance.post(job_completed(GREEN, job))
    await finish(instance, RED, GREEN)

    found = await rows(instance, f"{PATH}.json")

    assert (found["state"], found["branch"], found["runs_with_jobs"]) == ("green", "main", 2)
    assert [run["color"] for run in found["runs"]] == ["red", "green"]
    cells = {row["job"]: row["cells"] for row in found["jobs"]}
    assert cells.keys() == {job.name for job in (*RED.jobs, *GREEN.jobs)}
    assert next(iter(cells)) == "unit-tests"
    assert [cell["status"] for cell in cells["unit-tests"]] == ["failed", "success"]
    told, posted = cells["unit-tests"]
    assert told["build"] == found["runs"][0]["id"]
    assert posted["build"] not in {run["id"] for run in found["runs"]}
    assert "unit-tests" in text(await page(instance, f"/builds/{posted['build']}"))


async def test_a_red_workflow_shows_its_jobs_days_and_times(broken: Instance) -> None:
    shown = await page(broken, PATH)
    words = text(shown)

    assert words.startswith(
        "acme/web / build-and-test ✕ red on main (the default branch), for 18 min, 1 run: the last run"
    )
    assert "unit-tests F" in words
    assert "59 without a run" in words
    assert "still red 1 red run" in words
    assert '<th scope="row">all of it</th>' in shown.text
    assert f'href="{PATH}.json?branch=main"' in shown.text


async def test_time_to_green_is_from_the_first_red_to_the_green_run(broken: Instance) -> None:
    await finish(broken, GREEN)

    found, shown = await rows(broken, f"{PATH}.json"), await page(broken, PATH)

    [item] = found["red_times"]["items"]
    assert (found["red_times"]["count"], item["streak"]) == (1, 1)
    assert found["red_times"]["median_s"] == found["red_times"]["max_s"] > 0
    assert "green after" in text(shown)
    assert shown.text.count("<title>") > len(found["dots"]) + len(found["days"])


async def test_branches_can_be_chosen(broken: Instance) -> None:
    await finish(broken, replace(GREEN, branch="topic/<b>&x", number=91_000))

    topic, shown = await rows(broken, f"{PATH}.json?branch=topic/%3Cb%3E%26x"), await page(broken, PATH)
    missing = await broken.http.get(f"{PATH}.json?branch=mian", headers=BEARER)

    assert (topic["state"], topic["is_default_branch"]) == ("green", False)
    assert topic["branches"]["names"] == ["main", "topic/<b>&x"]
    assert '<option value="topic/&lt;b&gt;&amp;x">' in shown.text
    assert missing.status_code == 404
    assert "main" in missing.json()["error"]


async def test_runs_of_tags_have_a_page(broken: Instance) -> None:
    await finish(broken, replace(GREEN, branch=None, tag="v1.0", number=91_000))

    tags, main = await rows(broken, f"{PATH}.json?tags=1"), await page(broken, PATH)

    assert (tags["branch"], len(tags["runs"])) == (None, 1)
    assert f'href="{PATH}?tags=1"' in main.text
    assert "where each run stands alone" in text(await page(broken, f"{PATH}?tags=1"))


@pytest.mark.parametrize(
    "path",
    first_and_long([f"{PATH}?x=1", f"{PATH}?tags=2", f"{PATH}?tags=1&branch=main", "/projects/acme/web?branch=main"]),
)
async def test_what_means_nothing_is_refused(broken: Instance, path: str) -> None:
    shown = await page(broken, path, status=400)
    twin = await broken.http.get(path.replace("?", ".json?"), headers=BEARER)

    assert "<h1>This cannot be answered as it was asked</h1>" in shown.text
    assert (twin.status_code, set(twin.json())) == (400, {"error"})


@pytest.mark.parametrize(
    "name", first_and_long(["a/b 100%?#&", "..", "x.json", "<script>alert(1)</script>", "日本語 🚀"])
)
async def test_workflows_of_any_name_have_a_page(instance: Instance, name: str) -> None:
    await finish_as(instance, replace(RED, workflow=name), slug="circleci/8Kq/9Zf", name="a.b")

    project = await page(instance, "/projects/acme/a.b")
    links = [one for one in project.text.split('"') if one.startswith("/projects/")]
    [link] = [one for one in links if ".json" not in one.partition("?")[0]]
    shown = await page(instance, link.replace("&amp;", "&"))

    assert name in text(shown)
    assert "<script>alert" not in shown.text


async def test_now_and_a_build_lead_to_the_workflow(broken: Instance) -> None:
    now = await page(broken, "/")
    found = await rows(broken, f"{PATH}.json")
    build = await page(broken, f"/builds/{found['runs'][0]['id']}")

    for shown in (now, build):
        assert f'href="{PATH}?branch=main"' in shown.text
        assert 'href="/projects/acme/web"' in shown.text
    assert 'href="/builds?branch=main"' in build.text


async def test_builds_of_one_project_lead_to_its_page(broken: Instance) -> None:
    chosen, every = await page(broken, "/builds?project=acme/*"), await page(broken, "/builds")

    assert 'href="/projects/acme/web"' in chosen.text
    assert 'href="/projects/acme/web"' not in every.text
    assert 'href="/builds?project=' in every.text


@pytest.mark.databases("sqlite", "postgres")
async def test_a_long_history_is_a_grid_of_the_last_runs(database: Database) -> None:
    store = Store(database.url)
    await fill(store, Size(projects=1, workflows=1, days=40, has_jobs=True), NINE)

    key = ProjectKey(slug="gh/tools/web", name="tools/web")
    found: Any = await store.read(read_workflow, key, OnBranch(workflow="build-and-test"), NINE)
    await store.close()

    numbers = [run["number"] for run in found["runs"]]
    assert (len(numbers), numbers) == (30, sorted(numbers))
    assert {row["job"] for row in found["jobs"]} == {*JOBS}
    assert found["runs_with_jobs"] == 30
    assert sum(day["green"] + day["red"] + day["grey"] for day in found["days"]) == len(found["dots"])
    assert len(found["days"]) == 60


def test_a_day_shows_the_share_of_its_red_runs() -> None:
    monday = {"day": "2026-03-02", "red": 1, "green": 1, "grey": 0}
    tuesday = {"day": "2026-03-03", "red": 0, "green": 0, "grey": 0}

    first, second = run_charts.calendar([monday, tuesday])

    assert (first.x, first.y, first.color, first.red, first.words) == (
        0,
        0,
        "green",
        7,
        "2 Mar: 2 runs: 1 red, 1 green",
    )
    assert (second.y, second.color, second.red, second.words) == (16, "none", 0, "3 Mar: no run")
    assert run_charts.days_in_words([monday, tuesday]) == "1 with a red run, 1 without a run"


def test_letters_tell_statuses_apart_without_color() -> None:
    statuses = ("success", "failed", "timedout", "canceled", "unauthorized", "blocked", "of the future", "")

    assert [run_charts.letter(status) for status in statuses] == ["P", "F", "T", "C", "!", "B", "–", "–"]
