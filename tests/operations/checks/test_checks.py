"""What can be known before the first webhook comes: the database, the token, the channels' URLs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest

from service.channels import AppriseChannels
from service.circleci.circleci import CircleCI
from service.db.revisions import is_older, newest_revision
from service.errors import BadConfig
from service.metrics import Metrics
from service.model import Channel, Receiver
from service.operations.checks.checks import (
    Finding,
    Grade,
    check_channels,
    check_database,
    check_folder,
    check_port,
    check_public_url,
    check_token,
)
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.postgres import Server


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token="an-invented-token", owner=ADA)


async def of_token(pretend: FakeCircleCI, token: str | None) -> Finding:
    transport = httpx.ASGITransport(pretend.app)
    source = CircleCI(
        secrets=[], url="http://circleci.example.com", token=token, metrics=Metrics(), transport=transport
    )
    finding = await check_token(source, has_token=token is not None)
    await source.close()
    return finding


async def of_database(file: Path) -> Finding:
    finding = await check_database(f"sqlite:///{file}")
    assert finding.what == "database"
    return finding


# The public URL


@pytest.mark.parametrize(
    ("url", "grade"),
    [
        ("https://roundsman.acme.dev", Grade.OK),
        ("http://127.0.0.1:8000", Grade.NOTE),
        ("http://localhost:8000", Grade.NOTE),
        ("http://[::1]:8000", Grade.NOTE),
        ("http://roundsman.example.com", Grade.WRONG),
        ("http://10.0.0.1", Grade.WRONG),
        ("http://localhost.example.com", Grade.WRONG),
        ("https://127.0.0.1:8443", Grade.NOTE),
        ("https://10.0.0.1", Grade.WRONG),
        ("https://ci.internal", Grade.WRONG),
    ],
)
def test_circleci_posts_to_no_address_without_tls_or_out_of_its_reach(url: str, grade: Grade) -> None:
    finding = check_public_url(url)

    assert finding.grade is grade
    assert (grade is Grade.OK) == (finding.sentence == url)
    assert grade is Grade.OK or "set ROUNDSMAN_PUBLIC_URL" in finding.sentence


def test_address_of_the_example_is_noted() -> None:
    finding = check_public_url("https://roundsman.example.com")

    assert finding.grade is Grade.NOTE
    assert finding.sentence == "https://roundsman.example.com: example.com is an example's: put your own there"


# The token


async def test_a_token_that_is_accepted_is_told_with_its_owner(pretend: FakeCircleCI) -> None:
    finding = await of_token(pretend, "an-invented-token")

    assert finding == Finding(what="CircleCI token", grade=Grade.OK, sentence="accepted; it is ada's")


async def test_a_token_that_is_not_accepted_is_wrong_and_not_shown(pretend: FakeCircleCI) -> None:
    finding = await of_token(pretend, "a-guess")

    assert finding.grade is Grade.WRONG
    assert finding.sentence.startswith("CircleCI answered 401: the API token is not accepted; put a valid personal")
    assert "a-guess" not in finding.sentence


async def test_a_circleci_that_is_down_is_told_as_such(pretend: FakeCircleCI) -> None:
    pretend.faults.next("/me", broken(503))

    finding = await of_token(pretend, "an-invented-token")

    assert (finding.grade, finding.sentence) == (Grade.WRONG, "CircleCI answered 503")


async def test_no_token_is_allowed_and_costs_details(pretend: FakeCircleCI) -> None:
    finding = await of_token(pretend, None)

    assert finding.grade is Grade.NOTE
    assert finding.sentence == ("ROUNDSMAN_CIRCLECI_TOKEN is not set: messages lack failed jobs, tests and the actor")
    assert not pretend.calls


# The place


def test_a_folder_that_can_be_written_is_right_and_stays_as_it_is(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "not" / "yet"):
        [finding] = check_folder(f"sqlite:///{folder}/roundsman.db")

        assert (finding.grade, finding.sentence) == (Grade.OK, f"{folder} can be written")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["data", "data/deeper"])
def test_a_folder_that_nothing_can_be_made_in_is_wrong(tmp_path: Path, place: str) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")

    [finding] = check_folder(f"sqlite:///{tmp_path}/{place}/roundsman.db")

    assert finding.grade is Grade.WRONG
    assert finding.sentence == (
        f"{tmp_path}/{place} cannot hold our data: Not a directory; let this user write there, "
        "or name another place in ROUNDSMAN_DATABASE_URL"
    )


def test_read_only_file_system_is_wrong_despite_permissions() -> None:
    [finding] = check_folder("sqlite:////proc/roundsman.db")

    assert finding.grade is Grade.WRONG


def test_a_server_needs_no_folder() -> None:
    assert not list(check_folder("postgresql://db.example.com/roundsman"))


def test_a_port_is_right_when_one_can_listen_there() -> None:
    assert check_port(lambda: None, "127.0.0.1 port 8000") == Finding(
        what="port", grade=Grade.OK, sentence="127.0.0.1 port 8000 is free"
    )


def test_a_port_is_wrong_in_the_words_of_the_refusal() -> None:
    def refuse() -> None:
        raise BadConfig("somebody is there")

    finding = check_port(refuse, "127.0.0.1 port 8000")

    assert (finding.grade, finding.sentence) == (Grade.WRONG, "somebody is there")


# The channels


def test_each_channel_is_found_right_or_wrong_without_its_secret() -> None:
    def channel(label: str, url: str) -> Channel:
        return Channel(key=label, label=label, kind=url.partition(":")[0], url=url)

    channels = (channel("web (json)", "json://acme.dev"), channel("web (slack)", "slack://an-invented-token"))
    example = channel("ops (slack)", "slack://TokenA/TokenB/TokenC")
    findings = list(check_channels({"web": Receiver(name="web", channels=(*channels, example))}, AppriseChannels()))

    assert [(finding.what, finding.grade) for finding in findings] == [
        ("channel web (json)", Grade.OK),
        ("channel web (slack)", Grade.WRONG),
        ("channel ops (slack)", Grade.NOTE),
    ]
    assert findings[0].sentence == "understood"
    assert findings[2].sentence == "understood; TokenA is an example's: put your own there"
    assert "an-invented-token" not in findings[1].sentence


# The database


async def test_a_database_of_this_release_is_right(folder: Path) -> None:
    finding = await of_database(folder / "roundsman.db")

    assert finding.grade is Grade.OK
    assert finding.sentence == f"{folder / 'roundsman.db'} is up to date"


async def test_a_database_that_is_not_there_yet_is_right_and_stays_away(tmp_path: Path) -> None:
    finding = await of_database(tmp_path / "data" / "roundsman.db")

    assert finding.grade is Grade.OK
    assert finding.sentence == f"{tmp_path}/data/roundsman.db will be made at the first start"
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - nothing waits meanwhile


async def test_an_empty_database_is_right_since_a_start_fills_it(tmp_path: Path) -> None:
    (tmp_path / "roundsman.db").touch()

    finding = await of_database(tmp_path / "roundsman.db")

    assert finding.grade is Grade.OK
    assert finding.sentence.endswith("will be brought up to date at the next start")


async def test_foreign_database_is_wrong(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")

    finding = await of_database(tmp_path / "roundsman.db")

    assert finding.grade is Grade.WRONG
    assert "is another program's: it has tables (recipes ...)" in finding.sentence


@pytest.mark.parametrize("is_folder", [True, False])
async def test_file_that_is_no_database_is_wrong(tmp_path: Path, is_folder: bool) -> None:
    file = tmp_path / "roundsman.db"
    file.mkdir() if is_folder else file.write_text("this is a text, and no database at all\n" * 100)

    finding = await of_database(file)

    assert finding.grade is Grade.WRONG
    assert finding.sentence.startswith(f"{file}: the database cannot be read now: ")


async def test_a_database_of_a_newer_release_is_wrong(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "roundsman.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    finding = await of_database(folder / "roundsman.db")

    assert finding.grade is Grade.WRONG
    assert finding.sentence.endswith("is of another release, at revision 9999; run that release, or restore a backup")


async def test_a_server_s_database_of_a_newer_release_is_a_warning(server: Server, template: str) -> None:
    url = server.new_database(template)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    finding = await check_database(url)

    assert finding.grade is Grade.WARNING
    assert finding.sentence == "Postgres is a newer release's, at revision 9999; run that release"


def test_only_revisions_with_a_migration_are_older() -> None:
    assert [is_older(revision) for revision in (None, newest_revision(), "9999")] == [True, False, False]
