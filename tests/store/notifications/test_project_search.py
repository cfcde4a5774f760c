"""Notifications of a project: found by each spelling of its slug and its name, by an index."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.db.tables import Transaction
from service.model import NotificationState
from service.store.notifications import notification_search, notifications, project_keys
from service.store.notifications.notification_search import NotificationSearch
from service.testing.fake_circleci.organization import SHOP_API, WEB, Project
from service.testing.fake_circleci.payloads import job_completed, workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.hostile_bodies import with_longest_names
from tests.support.neighbor_rows import a_notification

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def found(instance: Instance, *written: str, **others: Any) -> list[str | None]:
    """The projects of what is found, newest first."""
    wanted = NotificationSearch(project=written, **others)
    page = await instance.service.context.store.read(notification_search.find_page, wanted, limit=10)
    return [one.project_name for one in page.items]


@pytest.fixture
async def told(folder: Path) -> AsyncIterator[Instance]:
    """A failed workflow of one project, and a failed job of another, of which no workflow was posted."""
    async with an_instance(
        folder, RED_TO_WEB.replace("{status:", "{event: [workflow-completed, job-completed], status:")
    ) as instance:
        await instance.post(workflow_completed(RED))
        await instance.post(job_completed(replace(RED, project=SHOP_API), RED.jobs[1]))
        await instance.drain()
        yield instance


@pytest.mark.parametrize("project", [WEB, SHOP_API])
async def test_every_spelling_finds_those_of_a_project_alone(told: Instance, project: Project) -> None:
    name = f"acme/{project.name}"
    spellings = (project.name, project.name.upper(), name, name.title(), f"gh/{name}", f"github/{name}")

    assert [await found(told, one) for one in spellings] == [[name]] * len(spellings)
    assert await found(told, "gh/acme/none") == await found(told, "we") == await found(told, "") == []


async def test_several_projects_are_one_list_with_the_other_filters(told: Instance) -> None:
    both = ["acme/shop-api", "acme/web"]

    assert sorted(map(str, await found(told, *both))) == both
    assert await found(told, *both, receiver=["nobody"]) == []
    assert sorted(map(str, await found(told, *both, receiver=["web"], channel=["web (json)"]))) == both
    assert await found(told, *both, state=[NotificationState.DEAD]) == []
    assert await found(told, *both, until=told.clock() - timedelta(days=1)) == []


async def test_pages_follow_one_another_without_a_gap(told: Instance) -> None:
    store, wanted = told.service.context.store, NotificationSearch(project=["gh/acme/web", "shop-api", "acme/web"])
    first = await store.read(notification_search.find_page, wanted, limit=1)
    second = await store.read(notification_search.find_page, wanted, limit=1, cursor=first.next)

    assert {one.project_slug for one in (*first.items, *second.items)} == {"github/acme/web", "github/acme/shop-api"}
    assert second.next is None


async def test_names_beyond_a_limit_are_one_range(told: Instance) -> None:
    many = [f"acme/none-{number}" for number in range(project_keys.MAX_RANGES)]

    assert await found(told, *many, "acme/web") == ["acme/web"]


async def test_those_of_an_older_release_are_filled_in(told: Instance) -> None:
    store = told.service.context.store

    def as_it_wrote(transaction: Transaction) -> None:
        transaction.execute(text("UPDATE notifications SET project_slug = NULL, project_name = NULL"))
        notifications.insert_or_get(transaction, [a_notification(topic="a digest", channel_key="x", event_id=None)])

    await store.write(as_it_wrote)
    before = await found(told, "acme/web", "shop-api")
    filled = [await store.write(project_keys.fill_in, limit=1) for _ in range(3)]

    assert (before, filled) == ([], [1, 1, 0])
    assert sorted(map(str, await found(told, "web", "acme/shop-api"))) == ["acme/shop-api", "acme/web"]


async def test_a_post_with_the_longest_names_is_found(instance: Instance) -> None:
    payload = with_longest_names(workflow_completed(RED))

    await instance.post(payload)
    await instance.drain()

    assert len(await found(instance, payload["project"]["slug"][:500])) == 1
