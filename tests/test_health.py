"""What machines ask: is it alive, and is it ready?"""

import asyncio
import re
from pathlib import Path

import pytest

from service.store import newest_revision
from tests.house import House, a_house
from tests.talk import logged

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def checks(house: House, *, status: int) -> dict[str, str]:
    response = await house.http.get("/readyz")
    assert response.status_code == status
    assert response.json()["ready"] is (status == 200)
    found: dict[str, str] = response.json()["checks"]
    assert list(found) == ["database", "worker"]
    return found


@pytest.fixture
async def working(house: House) -> House:
    """A house whose worker has just looked for work, and will not again."""
    jobs, pipeline = house.service.parts.jobs, house.service.pipeline
    looked = asyncio.Event()

    async def look() -> None:
        looked.set()

    jobs.every(3600, look)
    running = asyncio.create_task(jobs.run(pipeline.handlers, pipeline.failed))
    await looked.wait()
    jobs.stop()
    await running
    return house


async def test_a_process_that_answers_is_alive(house: House) -> None:
    response = await house.http.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_a_service_whose_worker_runs_is_ready(house: House) -> None:
    async with house.service.running(), asyncio.timeout(10):
        while (response := await house.http.get("/readyz")).status_code == 503:  # noqa: ASYNC110 - asking again is how a probe waits
            await asyncio.sleep(0)

    assert response.json() == {"ready": True, "checks": {"database": "ok", "worker": "ok"}}


async def test_without_a_worker_it_is_not_ready(house: House) -> None:
    found = await checks(house, status=503)

    assert found == {"database": "ok", "worker": "the worker has not looked for work since the start"}


@pytest.mark.databases("sqlite")  # Procrastinate's workers have heartbeats: see there
async def test_a_worker_that_hangs_is_noticed_within_half_a_minute(working: House) -> None:
    working.clock.tick(seconds=29)
    await checks(working, status=200)
    working.clock.tick(seconds=1)

    found = await checks(working, status=503)

    assert found["worker"] == "the worker has not looked for work since 2026-03-02T09:30:00.000Z"


@pytest.mark.databases("sqlite")
async def test_a_database_that_is_gone_is_noticed_though_its_file_is_still_open_on_sqlite(working: House) -> None:
    await checks(working, status=200)
    (working.folder / "roundsman.db").unlink()

    found = await checks(working, status=503)

    assert found["database"] == f"the database {working.folder}/roundsman.db is gone; put it back, or restart"


@pytest.mark.databases("sqlite")
async def test_a_database_that_somebody_else_holds_is_not_ready_to_keep_anything_on_sqlite(working: House) -> None:
    with working.database.locked():
        found = await checks(working, status=503)

    assert found["database"] == "the database cannot be written now: database is locked"


@pytest.mark.databases("sqlite")  # in the folder, where nobody looks
@pytest.mark.parametrize("address", ["/readyz?check=database", "/", "/api/v1/events", "/hooks/circleci"])
async def test_a_server_that_is_away_is_told_strangers_without_its_address_and_the_log_with_it(
    folder: Path, address: str
) -> None:
    async with a_house(folder, ROUNDSMAN_DATABASE_URL="postgresql://ci@127.0.0.1:1/roundsman") as house:
        with logged() as talk:
            response = await (house.send(b"{}") if "hooks" in address else house.http.get(address))

    assert response.status_code == 503
    assert re.search("the database cannot be (read|written) now: it cannot be reached[^:]", response.text)
    assert 'connection to server at "127.0.0.1", port 1 failed' in talk.lines[0]["reason"]


async def test_a_database_of_another_release_is_named_with_the_command_that_helps(working: House) -> None:
    working.change("UPDATE alembic_version SET version_num = '0000'")

    found = await checks(working, status=503)

    wanted = newest_revision()
    assert found["database"] == f"the schema is at 0000, not {wanted}: run `roundsman migrate`"


async def test_a_database_that_the_next_release_has_migrated_will_do_until_that_takes_over(house: House) -> None:
    house.change("UPDATE alembic_version SET version_num = '9999'")

    response = await house.http.get("/readyz?check=database")

    assert (response.status_code, response.json()) == (200, {"ready": True, "checks": {"database": "ok"}})


async def test_a_database_without_a_schema_is_not_ready(working: House) -> None:
    working.change("DROP TABLE alembic_version")

    found = await checks(working, status=503)

    assert found["database"].startswith(("there is no schema yet: run `roundsman migrate`", "the database is somebody"))


async def test_one_check_may_be_asked_for_alone_since_a_door_is_open_without_a_worker(house: House) -> None:
    response = await house.http.get("/readyz?check=database")

    assert (response.status_code, response.json()) == (200, {"ready": True, "checks": {"database": "ok"}})


async def test_a_check_that_there_is_not_is_no_check_passed(house: House) -> None:
    response = await house.http.get("/readyz?check=databse")

    assert response.status_code == 400
    assert response.json()["error"] == "there is no check 'databse'; there are database, worker"
