"""Projects that are renamed: their branches are known by the newest name."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.organization import MOBILE, WEB, Project, Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED, Instance, an_instance
from tests.support.cli_runner import Terminal
from tests.support.renamed_project import Renamed

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder) as instance:
        yield instance


async def state(instance: Instance, project: str, branch: str = "main") -> str:
    answer = await instance.http.get("/api/v1/status", params={"project": project, "branch": branch})
    found: str = answer.json()["state"]
    return found


async def finish(instance: Instance, run: Run) -> str:
    delivery = await instance.finish(run)
    await instance.drain()
    return delivery


def later(run: Run, project: Project, **changes: Any) -> Run:
    return replace(run, project=project, number=run.number + 1, pushed_at=run.pushed_at + timedelta(hours=1), **changes)


@pytest.mark.parametrize("project", [WEB, MOBILE], ids=["slug of names", "slug of ids"])
async def test_every_branch_of_a_renamed_project_has_its_new_name(instance: Instance, project: Project) -> None:
    renamed = Renamed(name="shop", was=project, is_app=project.is_app)
    await finish(instance, replace(RED, project=project))
    await finish(instance, later(RED, project, branch="feature"))

    await finish(instance, later(later(RED, project), renamed, status="success"))

    assert [await state(instance, f"acme/{name}") for name in ("shop", project.name)] == ["green", "unknown"]
    assert await state(instance, "acme/shop", "feature") == "red"
    [fixed, feature] = sorted(
        (await instance.http.get("/api/v1/incidents?project=acme/shop")).json()["items"], key=lambda one: one["branch"]
    )[::-1]
    assert (fixed["state"], feature["state"]) == ("closed", "open")


async def test_old_name_is_answered_with_the_new_one(instance: Instance, terminal: Terminal) -> None:
    await finish(instance, RED)
    await finish(instance, later(RED, Renamed(name="webshop", was=WEB)))
    terminal.set(ROUNDSMAN_DATABASE_URL=instance.settings.database_url)

    said = await asyncio.to_thread(terminal.run, "status", "acme/web")

    assert "no run of project 'acme/web' is on record; did you mean acme/webshop?" in said.out + said.err


async def test_replay_of_an_old_post_takes_no_old_name_back(instance: Instance) -> None:
    old = await finish(instance, RED)
    await finish(instance, later(RED, Renamed(name="shop", was=WEB)))

    await instance.http.post(f"/api/v1/deliveries/{old}/replay")
    await instance.drain()

    assert await state(instance, "acme/shop") == "red"


async def test_projects_of_other_ids_keep_their_names(instance: Instance) -> None:
    await finish(instance, replace(RED, project=MOBILE))
    await finish(instance, RED)
    await finish(instance, later(RED, Renamed(name="shop", was=WEB)))

    assert [await state(instance, f"acme/{name}") for name in ("mobile", "shop")] == ["red", "red"]


async def test_post_that_names_no_project_takes_no_name_away(instance: Instance) -> None:
    await finish(instance, RED)
    nameless = workflow_completed(later(RED, WEB))
    del nameless["project"]["name"]

    await instance.post(nameless)
    await instance.drain()

    assert instance.rows("SELECT project_name, streak FROM tracks") == [("acme/web", 2)]
