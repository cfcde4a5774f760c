"""What machines ask: is it alive, and is it ready?"""

import asyncio
import contextlib
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from service.app.limits import Limits
from service.db.revisions import newest_revision
from service.health import CheckLimits
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.health.test_metrics import noted, value
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance, environ
from tests.support.cli_runner import Terminal
from tests.support.log_capture import logged
from tests.support.processes import Served, run, serve

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def checks(instance: Instance, *, status: int) -> dict[str, str]:
    response = await instance.http.get("/readyz")
    assert response.status_code == status
    assert response.json()["ready"] is (status == 200)
    found: dict[str, str] = response.json()["checks"]
    assert list(found) == ["database", "worker"]
    return found


@pytest.fixture
async def working(instance: Instance) -> Instance:
    """An instance whose worker has just looked for work, and will not again."""
    jobs, pipeline = instance.service.context.jobs, instance.service.pipeline
    looked = asyncio.Event()

    async def look() -> None:
        looked.set()

    jobs.schedule(3600, look)
    running = asyncio.create_task(jobs.run(pipeline.handlers, pipeline.failed))
    await looked.wait()
    jobs.stop()
    await running
    return instance


async def test_a_process_that_answers_is_alive(instance: Instance) -> None:
    response = await instance.http.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_a_service_whose_worker_runs_is_ready(instance: Instance) -> None:
    async with instance.running():
        while (response := await instance.http.get("/readyz")).status_code == 503:  # noqa: ASYNC110 - asking again is how a probe waits
            await asyncio.sleep(0)

    assert response.json() == {"ready": True, "checks": {"database": "ok", "worker": "ok"}}


async def test_without_a_worker_it_is_not_ready(instance: Instance) -> None:
    found = await checks(instance, status=503)

    assert found == {"database": "ok", "worker": "the worker has not looked for work since the start"}


@pytest.mark.databases("sqlite")  # Procrastinate's workers have heartbeats: see there
async def test_a_worker_that_hangs_is_noticed_within_half_a_minute(working: Instance) -> None:
    working.clock.tick(seconds=29)
    await checks(working, status=200)
    working.clock.tick(seconds=1)

    found = await checks(working, status=503)

    assert found["worker"] == "the worker has not looked for work since 2026-03-02T09:30:00.000Z"


@pytest.mark.databases("sqlite")
async def test_a_database_that_is_gone_is_noticed_though_its_file_is_still_open_on_sqlite(working: Instance) -> None:
    await checks(working, status=200)
    (working.folder / "roundsman.db").unlink()

    found = await checks(working, status=503)

    assert found["database"] == f"the database {working.folder}/roundsman.db is gone; put it back, or restart"


@pytest.mark.long
@pytest.mark.databases("sqlite")
async def test_a_sqlite_database_locked_by_another_process_is_not_ready(working: Instance) -> None:
    with working.database.locked():
        found = await checks(working, status=503)

    assert found["database"].startswith("the database cannot be written now: the database is locked by another")


@pytest.mark.databases("sqlite")  # in the folder, where nobody looks
@pytest.mark.parametrize("address", ["/readyz?check=database", "/", "/api/v1/events", "/hooks/circleci"])
async def test_a_server_that_is_away_is_told_strangers_without_its_address_and_the_log_with_it(
    folder: Path, address: str
) -> None:
    async with an_instance(folder, ROUNDSMAN_DATABASE_URL="postgresql://ci@127.0.0.1:1/roundsman") as instance:
        with logged() as talk:
            response = await (instance.send(b"{}") if "hooks" in address else instance.http.get(address))

    assert response.status_code == 503
    assert re.search("[Tt]he database cannot be (read|written) now: it cannot be reached[^:]", response.text)
    [reason] = {line["reason"] for line in talk.lines if line.get("reason")}
    assert 'connection to server at "127.0.0.1", port 1 failed' in reason


async def test_a_database_of_another_release_is_named_with_the_command_that_helps(working: Instance) -> None:
    working.change("UPDATE alembic_version SET version_num = '0000'")

    found = await checks(working, status=503)

    wanted = newest_revision()
    assert found["database"] == f"the schema is at 0000, not {wanted}: run `roundsman migrate`"


async def test_a_database_that_the_next_release_has_migrated_will_do_until_that_takes_over(instance: Instance) -> None:
    instance.change("UPDATE alembic_version SET version_num = '9999'")

    response = await instance.http.get("/readyz?check=database")

    assert (response.status_code, response.json()) == (200, {"ready": True, "checks": {"database": "ok"}})


async def test_a_database_without_a_schema_is_not_ready(working: Instance) -> None:
    working.change("DROP TABLE alembic_version")

    found = await checks(working, status=503)

    assert str(found["database"]).startswith(
        ("there is no schema yet: run `roundsman migrate`", "the database is another program")
    )


@pytest.mark.databases("sqlite", "postgres")
async def test_one_check_may_be_asked_for_alone_since_a_door_is_open_without_a_worker(instance: Instance) -> None:
    response = await instance.http.get("/readyz?check=database")

    assert (response.status_code, response.json()) == (200, {"ready": True, "checks": {"database": "ok"}})


async def test_a_check_that_there_is_not_is_no_check_passed(instance: Instance) -> None:
    response = await instance.http.get("/readyz?check=databse")

    assert response.status_code == 400
    assert response.json()["error"] == "there is no check 'databse'; there are database, worker"


async def test_a_check_named_many_times_is_made_once(instance: Instance) -> None:
    written: list[str] = []

    with noted(lambda *what: written.extend([what[2]] if "heartbeats" in what[2] else [])):
        response = await instance.http.get("/readyz?" + "&".join(["check=database"] * 1000))

    assert response.json() == {"ready": True, "checks": {"database": "ok"}}
    assert len([statement for statement in written if statement.startswith("INSERT")]) == 1


@pytest.mark.long
async def test_concurrent_requests_share_one_check(folder: Path) -> None:
    asked: list[str] = []
    addresses = ["/readyz", "/readyz?check=database", "/metrics"] * 100

    async with an_instance(folder, limits=Limits(checks=CheckLimits(cache_for_s=3600))) as instance:
        with noted(lambda *what: asked.append(what[2])):
            await asyncio.gather(*(instance.http.get(address) for address in addresses))
            await instance.http.get("/metrics")

    assert len([statement for statement in asked if statement.startswith("INSERT INTO heartbeats")]) == 1
    counts = [statement for statement in asked if "FROM notifications" in statement]
    assert len(counts) == len(set(counts)) > 0


async def test_a_cancelled_request_does_not_cancel_the_shared_check(instance: Instance) -> None:
    gone, stays = (asyncio.create_task(instance.http.get("/readyz?check=database")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await stays).status_code == 200


# What cannot be written


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("pragma", "words"), [("query_only = ON", "read-?only"), ("max_page_count = 1", "disk full")])
async def test_a_file_that_cannot_be_written_is_not_ready_though_it_can_be_read(
    instance: Instance, pragma: str, words: str
) -> None:
    await instance.tell_the_writers(f"PRAGMA {pragma}")

    await no_row_can_be_written(instance, words)


@pytest.mark.databases("postgres")
async def test_a_server_that_writes_no_longer_is_not_ready_though_it_can_be_read(
    instance: Instance, terminal: Terminal
) -> None:
    terminal.configure(RED_TO_WEB, ROUNDSMAN_DATABASE_URL=instance.database.url)
    make_read_only(instance)

    await no_row_can_be_written(instance, "read-only")
    checked = await asyncio.to_thread(terminal.run, "check")

    assert checked.code == 1
    assert re.search("wrong +database: Postgres: the database cannot be written now: .*read-only", checked.out)


def make_read_only(instance: Instance) -> None:
    """Have Postgres refuse every write, as hosts do whose disk is full."""
    [(name,)] = instance.rows("SELECT current_database()")
    instance.change(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with contextlib.suppress(psycopg.errors.AdminShutdown):  # it ends the connection that asks for it too
        instance.change("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()")


async def no_row_can_be_written(instance: Instance, words: str) -> None:
    """See that posts, checks and numbers agree on it, in these words."""
    posted = await instance.send(
        as_bytes(workflow_completed(RED)) + b" " * 100_000
    )  # too long to be compressed, or to fit a page
    asked = await instance.http.get("/readyz?check=database")

    assert (posted.status_code, asked.status_code) == (503, 503)
    assert re.search(f"the database cannot be written now: .*{words}", asked.json()["checks"]["database"])
    assert await value(instance, "database_up") == 0
    assert await value(instance, "queue_depth") == 0  # which can still be read


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB; where none can be mounted, the folder of the test."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "roundsman", disk], check=False)
    yield disk
    if mounted.returncode == 0:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.long
@pytest.mark.databases("sqlite")
def test_a_disk_that_is_full_is_said_to_be_and_forgotten_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    if not small_disk.is_mount():
        pytest.skip("a disk of its own can be mounted by root alone; the test above limits the file instead")
    settings = environ(tmp_path, RED_TO_WEB, ROUNDSMAN_DATABASE_URL=f"sqlite:///{small_disk}/roundsman.db")
    del settings["ROUNDSMAN_CIRCLECI_TOKEN"]
    with serve(tmp_path, settings) as served:
        before = [ask(served, "/readyz?check=database")]
        fill(small_disk / "ballast")
        posts = [served.post(as_bytes(workflow_completed(replace(RED, number=number)))) for number in range(50)]
        full = [ask(served, "/readyz?check=database"), ask(served, "/metrics")]
        checked = run("check", folder=tmp_path, **settings)
        (small_disk / "ballast").unlink()
        time.sleep(1.1)  # for as long an answer stands
        after = [ask(served, "/readyz?check=database"), ask(served, "/metrics")]

    assert (before[0].status_code, posts[-1].status_code) == (200, 503)
    assert full[0].status_code == 503
    assert "full" in full[0].json()["checks"]["database"]
    assert "roundsman_database_up 0.0\n" in full[1].text
    assert (checked.returncode, "full" in checked.stdout) == (1, True)
    assert after[0].status_code == 200
    assert "roundsman_database_up 1.0\n" in after[1].text


def fill(file: Path) -> None:
    """Take all the room there is."""
    with file.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))


def ask(served: Served, address: str) -> httpx.Response:
    return httpx.get(f"{served.address}{address}", trust_env=False)
