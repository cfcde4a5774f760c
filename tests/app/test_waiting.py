"""Starting beside a Postgres that is away, still starting, or does not let us in."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from service.db.migrate import migrate
from tests.support import postgres
from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.long_cases import first_and_long
from tests.support.ports import free_port
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, Served, run, surroundings

PASSWORD = "an-invented-password"
WAITING = "waiting for the database"


def settings(folder: Path, url: str) -> dict[str, str]:
    given = environ(folder, RED_TO_WEB, ROUNDSMAN_PORT="0", ROUNDSMAN_ADMIN_TOKEN="an-invented-admin-token")
    del given["ROUNDSMAN_CIRCLECI_TOKEN"]
    return given | {"ROUNDSMAN_DATABASE_URL": url}


@contextmanager
def started(role: str, folder: Path, url: str) -> Iterator[Served]:
    """A process from its very start."""
    with subprocess.Popen(
        [str(ROUNDSMAN), role],
        cwd=folder,
        env=surroundings(settings(folder, url)),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Served(process=process)
        finally:
            process.kill()


@pytest.fixture
def away(folder: Path) -> str:
    """The address of a Postgres that nobody has started."""
    return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{free_port()}/roundsman"


@pytest.mark.long
@pytest.mark.parametrize("role", first_and_long(["serve", "web", "worker"]))
def test_a_process_that_waits_says_so_and_ends_at_once_when_asked_to(folder: Path, away: str, role: str) -> None:
    with started(role, folder, away) as process:
        line = process.read_until(WAITING)
        asked_at = time.monotonic()
        code = process.end(signal.SIGTERM)

    assert code == 0
    assert time.monotonic() - asked_at < ENDS_WITHIN_S / 2
    assert line["level"] == "warning"
    assert "Connection refused" in line["reason"]
    assert PASSWORD not in str(process.log)


@pytest.mark.long
def test_it_goes_on_when_postgres_has_come(folder: Path) -> None:
    with postgres.running() as server:
        url = server.new_database("template0", "synchronous_commit = on")
        migrate(url)
        server.stop("fast")
        with started("worker", folder, url) as process:
            process.read_until(WAITING)
            server.start()
            listening = process.read_until("roundsman is listening")

            assert process.end() == 0

    assert (listening["role"], listening["database"]) == ("worker", "postgres")


@pytest.mark.long
def test_a_migration_waits_no_longer_than_it_was_told_to(folder: Path, away: str) -> None:
    ended = run("migrate", "--wait", "0", folder=folder, **settings(folder, away))

    assert ended.returncode == 1
    assert "Connection refused" in ended.stderr
    assert PASSWORD not in ended.stderr


@pytest.mark.long
def test_a_wrong_configuration_waits_for_nothing(folder: Path, away: str) -> None:
    given = settings(folder, away) | {"ROUNDSMAN_PROT": "1"}

    ended = run("worker", folder=folder, **given)

    assert ended.returncode == 2
    assert WAITING not in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("user", "name", "reason"),
    (
        [
            ("nobody_here", None, 'role "nobody_here" does not exist'),
            (None, "nowhere_here", 'database "nowhere_here" does not exist'),
            ("locked_out", None, 'password authentication failed for user "locked_out"'),
            ("turned_away", None, "pg_hba.conf"),
        ]
    ),
)
def test_a_server_that_does_not_let_us_in_is_a_wrong_configuration(
    folder: Path, strict_server: postgres.Server, user: str | None, name: str | None, reason: str
) -> None:
    address = f"{user or 'postgres'}:{PASSWORD}@127.0.0.1:{strict_server.port}/{name or 'postgres'}"

    ended = run("worker", folder=folder, **settings(folder, f"postgresql://{address}"))

    assert ended.returncode == 2
    assert reason in ended.stderr.replace('\\"', '"')
    assert "correct ROUNDSMAN_DATABASE_URL" in ended.stderr
    assert PASSWORD not in ended.stderr


@pytest.fixture(scope="module")
def strict_server() -> Iterator[postgres.Server]:
    """A Postgres that wants a password of one user, and turns another away."""
    with postgres.running() as server:
        rules = "host all locked_out all scram-sha-256\nhost all turned_away all reject\n"
        with psycopg.connect(server.new_database(), autocommit=True) as connection:
            connection.execute("CREATE ROLE locked_out LOGIN PASSWORD 'another'")
            connection.execute("CREATE ROLE turned_away LOGIN")
            [found] = connection.execute("SHOW hba_file").fetchone() or [""]
            file = Path(found)
            file.write_text(rules + file.read_text())
            connection.execute("SELECT pg_reload_conf()")
        yield server
