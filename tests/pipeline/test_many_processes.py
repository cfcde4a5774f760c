"""Doors and workers as processes of their own, on one Postgres: what they promise together, also when it goes away."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from service.db.migrate import migrate
from service.db.revisions import newest_revision
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support import postgres
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, environ
from tests.support.databases import Postgres
from tests.support.fake_servers import HttpEnd, http_end
from tests.support.long_cases import first_and_long
from tests.support.ports import free_port
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, run, serve, slow_channel, surroundings, until

PASSWORD = "an-invented-password"
TELL = """\
receivers:
  web:
    channels: [{url}]
routes:
  - match: {{status: failed}}
    receiver: web
"""


@dataclass(kw_only=True)
class Site:
    """A database on Postgres, the environment of processes that use it, and whom they tell."""

    server: postgres.Server
    database: Postgres
    folder: Path
    end: HttpEnd
    environ: dict[str, str]

    @property
    def told(self) -> int:
        return len(self.end.got)

    @property
    def under_way(self) -> list[Any]:
        """The jobs that some worker does."""
        return self.database.rows("SELECT id FROM procrastinate_jobs WHERE status = 'doing'")


@pytest.fixture
def site(server: postgres.Server, url_in_real_time: str, tmp_path: Path) -> Iterator[Site]:
    with a_site(server, url_in_real_time, tmp_path) as site:
        yield site


@pytest.fixture
def mortal_site(tmp_path: Path) -> Iterator[Site]:
    """One whose Postgres no other test uses, and whose commits survive a crash of it."""
    with postgres.running() as server:
        url = server.new_database("template0", "synchronous_commit = on")
        migrate(url)
        with a_site(server, url, tmp_path) as site:
            yield site


@contextmanager
def a_site(server: postgres.Server, url: str, folder: Path) -> Iterator[Site]:
    with http_end() as end:
        routes = TELL.format(url=f"json://127.0.0.1:{end.port}/web")
        yield Site(
            server=server,
            database=Postgres(url),
            folder=folder,
            end=end,
            environ=surroundings_at(url, folder, routes),
        )


def surroundings_at(url: str, folder: Path, routes: str = RED_TO_WEB) -> dict[str, str]:
    """What processes need to know that use this database; asking CircleCI is a courtesy, and not what this is about."""
    given = environ(folder, routes, ROUNDSMAN_DATABASE_URL=url.replace("postgres@", f"postgres:{PASSWORD}@"))
    del given["ROUNDSMAN_CIRCLECI_TOKEN"]
    return given


def news(number: int) -> bytes:
    """A red workflow that is new to the service."""
    return as_bytes(workflow_completed(replace(RED, number=number)))


@pytest.mark.long
def test_postgres_goes_away_and_comes_back_and_nothing_acknowledged_is_lost(mortal_site: Site) -> None:
    with (
        serve(mortal_site.folder, mortal_site.environ, "web") as web,
        serve(mortal_site.folder, mortal_site.environ, "worker") as worker,
    ):
        assert web.post(news(1)).status_code == 202
        until(lambda: mortal_site.told == 1)
        until(lambda: mortal_site.under_way == [])  # what is lost there is found in time, but not soon

        mortal_site.server.stop("immediate")
        refused = web.post(news(2))
        health = httpx.get(f"{web.address}/readyz", trust_env=False)
        mortal_site.server.start()

        until(lambda: web.post(news(2)).status_code == 202)
        until(lambda: mortal_site.told == 2)
        until(lambda: httpx.get(f"{worker.address}/readyz", trust_env=False).status_code == 200)
        said = (worker.end(), web.end(), f"{worker.log} {web.log} {refused.text} {health.text}")

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert health.status_code == 503
    assert "it cannot be reached" in health.json()["checks"]["database"]
    assert said[:2] == (0, 0)
    assert [line for line in (*worker.log, *web.log) if line["level"] == "error" or "exception" in line] == []
    assert PASSWORD not in said[2]


@pytest.mark.long
def test_a_worker_that_is_asked_to_end_while_the_database_is_away_ends(mortal_site: Site) -> None:
    with serve(mortal_site.folder, mortal_site.environ, "worker") as worker:
        mortal_site.server.stop("immediate")

        code = worker.end()

    assert code == 0


@pytest.mark.long
def test_web_stores_webhooks_after_the_next_release_has_migrated(site: Site) -> None:
    with psycopg.connect(site.environ["ROUNDSMAN_DATABASE_URL"]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with serve(site.folder, site.environ, "web") as web:
        kept = web.post(news(1))
        ready = httpx.get(f"{web.address}/readyz?check=database", trust_env=False)

    assert (kept.status_code, ready.status_code) == (202, 200)
    assert "the database's schema is a newer release's: run that release" in [line["event"] for line in web.log]


@pytest.mark.long
def test_a_worker_names_no_hook_since_it_has_none(site: Site) -> None:
    with serve(site.folder, site.environ, "worker") as worker:
        assert (worker.log[-1]["event"], worker.log[-1].get("hook")) == ("roundsman is listening", None)


@pytest.mark.long
def test_a_send_that_was_begun_may_end_also_on_many_machines(site: Site) -> None:
    with slow_channel() as channel:
        (site.folder / "roundsman.yaml").write_text(TELL.format(url=channel.url), encoding="utf-8")
        with serve(site.folder, site.environ, "web") as web, serve(site.folder, site.environ, "worker") as worker:
            web.post(news(1))
            assert channel.arrived.wait(ENDS_WITHIN_S)
            worker.process.send_signal(signal.SIGTERM)
            channel.may_answer.set()
            code = worker.ended()

    assert code == 0
    assert [line["outcome"] for line in worker.log if line["event"] == "attempt"] == ["sent"]


@pytest.mark.long
def test_worker_that_ends_slowly_keeps_its_send_for_itself(site: Site) -> None:
    """The channel takes longer than a worker without heartbeats counts as alive, and less than a slot."""
    with slow_channel() as channel:
        (site.folder / "roundsman.yaml").write_text(TELL.format(url=channel.url), encoding="utf-8")
        with serve(site.folder, site.environ, "web") as web, serve(site.folder, site.environ, "worker") as ending:
            web.post(news(1))
            assert channel.arrived.wait(ENDS_WITHIN_S)
            channel.arrived.clear()
            ending.process.send_signal(signal.SIGTERM)
            with serve(site.folder, site.environ, "worker") as other:
                threading.Timer(28, channel.may_answer.set).start()
                code = ending.ended()
                assert other.end() == 0

    assert code == 0
    assert [line["outcome"] for line in ending.log if line["event"] == "attempt"] == ["sent"]
    assert [line["outcome"] for line in other.log if line["event"] == "attempt"] == []
    assert not channel.arrived.is_set()


@pytest.mark.long
def test_worker_that_was_frozen_in_a_send_changes_nothing_when_it_goes_on(site: Site) -> None:
    """It stands still for longer than its heartbeats and its attempt's lease allow, and another sends in its place."""
    recorded = "SELECT number, outcome, ended_at FROM attempts WHERE number = 2"
    with slow_channel() as channel, ExitStack() as stack:
        (site.folder / "roundsman.yaml").write_text(TELL.format(url=channel.url), encoding="utf-8")
        web = stack.enter_context(serve(site.folder, site.environ, "web"))
        frozen = stack.enter_context(serve(site.folder, site.environ, "worker"))
        web.post(news(1))
        assert channel.arrived.wait(ENDS_WITHIN_S)
        frozen.process.send_signal(signal.SIGSTOP)
        stack.callback(frozen.process.send_signal, signal.SIGCONT)
        channel.arrived.clear()
        other = stack.enter_context(serve(site.folder, site.environ, "worker"))
        assert channel.arrived.wait(ENDS_WITHIN_S)
        channel.arrived.clear()
        channel.may_answer.set()
        until(lambda: site.database.rows("SELECT state FROM notifications") == [("sent",)])
        until(lambda: site.under_way == [])
        before = site.database.rows(recorded)
        interrupted = site.database.rows("SELECT outcome FROM attempts WHERE number = 1")
        frozen.process.send_signal(signal.SIGCONT)
        codes = (frozen.end(), other.end())
        after = site.database.rows("SELECT state, attempts FROM notifications")

    assert interrupted == [("interrupted",)]
    assert (codes, after) == ((0, 0), [("sent", 2)])
    assert site.database.rows(recorded) == before
    assert site.database.rows("SELECT id FROM procrastinate_jobs WHERE queue_name = 'send'") == []
    assert [line["number"] for line in other.log if line["event"] == "attempt"] == [2]
    assert not channel.arrived.is_set()  # nothing came for a third time


@pytest.mark.long
def test_concurrent_migrations_run_one_after_the_other(site: Site) -> None:
    given = site.environ | {"ROUNDSMAN_DATABASE_URL": site.server.new_database()}
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(
                    [str(ROUNDSMAN), "migrate"],
                    cwd=site.folder,
                    env=surroundings(given),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            for _ in range(2)
        ]
        said = [process.communicate(timeout=ENDS_WITHIN_S)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert said == [f"the schema is up to date, at revision {newest_revision()}\n"] * 2


@pytest.mark.long
@pytest.mark.parametrize("role", first_and_long(["web", "worker"]))
def test_missing_schema_error_names_the_migrate_command(site: Site, role: str) -> None:
    ended = run(role, folder=site.folder, **site.environ | {"ROUNDSMAN_DATABASE_URL": site.server.new_database()})

    assert ended.returncode == 1
    assert "run `roundsman migrate` first" in ended.stderr


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_commands_look_into_postgres_as_they_do_into_a_file(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    given = surroundings_at(instance.database.url, instance.folder)

    listed = run("events", "list", folder=instance.folder, **given)
    explained = run("explain", event, folder=instance.folder, **given)
    checked = run("check", folder=instance.folder, **given)

    assert event in listed.stdout
    assert "status failed matches failed" in explained.stdout
    assert "database: Postgres is up to date" in checked.stdout
    assert PASSWORD not in listed.stdout + explained.stdout + checked.stdout + checked.stderr


@pytest.mark.long
@pytest.mark.parametrize("words", first_and_long([["check"], ["events", "list"], ["migrate", "--wait", "0"]]))
def test_a_database_that_is_away_is_said_to_be_without_its_password(tmp_path: Path, words: list[str]) -> None:
    given = surroundings_at(f"postgresql://postgres@127.0.0.1:{free_port()}/roundsman", tmp_path)

    ended = run(*words, folder=tmp_path, **given)

    assert ended.returncode == 1
    assert "Connection refused" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
