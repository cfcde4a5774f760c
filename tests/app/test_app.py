"""The assembly: what it is made of, how it starts and stops, and what a restart takes up again."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from service.app.service import build
from service.config.configuration import load
from service.model import Role
from service.queue.embedded import EmbeddedQueue
from service.queue.procrastinate import ProcrastinateQueue
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance, environ

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.mark.databases("sqlite")
def test_a_service_is_built_without_touching_the_network_or_the_database_on_sqlite(folder: Path) -> None:
    before = (folder / "roundsman.db").read_bytes()

    service = build(load(environ(folder, RED_TO_WEB)))

    assert (folder / "roundsman.db").read_bytes() == before
    assert service.context.routes[0].name == "red"


@pytest.mark.databases("sqlite")
def test_the_database_chooses_the_job_engine(folder: Path) -> None:
    given = environ(folder, RED_TO_WEB)
    server = given | {"ROUNDSMAN_DATABASE_URL": "postgresql://ci:an-invented-password@db.example.com/ci"}

    embedded, shared = (build(load(environment)).context.jobs for environment in (given, server))

    assert isinstance(embedded, EmbeddedQueue)
    assert isinstance(shared, ProcrastinateQueue)


def test_without_a_door_there_is_only_its_health_to_ask_for(folder: Path) -> None:
    service = build(load(environ(folder, RED_TO_WEB)), role=Role.WORKER)

    assert {route.path for route in service.asgi.routes if isinstance(route, Route)} == {
        "/healthz",
        "/readyz",
        "/metrics",
    }


@pytest.mark.databases("sqlite")
async def test_a_worker_that_fails_ends_the_process_that_would_judge_nothing_on_sqlite(instance: Instance) -> None:
    instance.change(
        "INSERT INTO jobs (kind, subject_id, run_at) VALUES ('send', ?, '0')", "0" * 32
    )  # as no release would

    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.timeout(120), instance.service.running():
            await asyncio.Event().wait()

    assert ended.group_contains(TypeError, match="fromisoformat")


def test_every_address_leads_to_one_place(folder: Path) -> None:
    service = build(load(environ(folder, RED_TO_WEB)))

    addresses = [
        (method, route.path)
        for route in service.asgi.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    ]

    assert ("POST", "/hooks/circleci") in addresses
    assert len(addresses) == len(set(addresses))


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_work_is_done_while_it_runs_and_what_was_begun_ends_with_it(instance: Instance) -> None:
    delivery = await instance.post(workflow_completed(RED))
    instance.pretend.run_finished(RED)

    async with instance.service.running(), asyncio.timeout(120):
        while not instance.channels.told:  # noqa: ASYNC110 - the notifier has no event
            await asyncio.sleep(0.01)

    assert instance.channels.told == ["web (json)"]
    assert instance.rows("SELECT count(*) FROM attempts WHERE outcome = 'sending'") == [(0,)]
    assert [event["id"] for event in await events(instance.folder)] == [delivery]


async def events(folder: Path) -> list[dict[str, str]]:
    """What an instance that is started anew in this folder has on record."""
    async with an_instance(folder) as instance:
        items: list[dict[str, str]] = (await instance.http.get("/api/v1/events")).json()["items"]
        return items


async def test_pages_and_api_and_hook_are_one_service(instance: Instance) -> None:
    answers = [await instance.http.get(path) for path in ("/", "/api/v1/events", "/metrics", "/hooks/circleci")]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 405]
    assert answers[0].headers["content-type"].startswith("text/html")


async def test_a_request_for_another_host_name_needs_a_credential(instance: Instance) -> None:
    transport = httpx.ASGITransport(instance.service.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://rebound.example.com") as stranger:
        api, page = await stranger.get("/api/v1/events"), await stranger.get("/")

    assert (api.status_code, page.status_code) == (401, 303)
    assert "the admin token" in api.json()["error"]
