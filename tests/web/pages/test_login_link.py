"""Where the operator set no admin token: `serve` keeps one in its data folder, and links let people in."""

import os
import pty
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.cli_runner import Terminal
from tests.support.long_cases import first_and_long
from tests.support.processes import ROUNDSMAN, Served, run, serve, surroundings

LINK = re.compile(r"http://127\.0\.0\.1:\d+/login/[\w.-]+")
HINT = "ROUNDSMAN_ADMIN_TOKEN is not set, so this data folder's own is used: `roundsman login-link` lets you in"
A_TOKEN = "0123456789abcdef" * 2


def settings(folder: Path) -> dict[str, str]:
    """What a first start in an otherwise empty folder needs, and no admin token."""
    given = environ(folder, RED_TO_WEB)
    return {name: given[name] for name in ("ROUNDSMAN_CONFIG", "ROUNDSMAN_WEBHOOK_SECRETS")}


def token_file(folder: Path) -> Path:
    return folder / "data" / "admin-token"


def browser() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=60)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path, settings(tmp_path)) as served:
        yield served


def link_for(served: Served, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run("login-link", *words, folder=folder, **settings(folder), ROUNDSMAN_PUBLIC_URL=served.address)


@pytest.mark.long
def test_serve_makes_a_token_for_its_user_alone_and_no_log_tells_it(served: Served, tmp_path: Path) -> None:
    served.read_until(HINT)
    token = token_file(tmp_path).read_text().strip()
    with browser() as stranger:
        without = stranger.get(f"{served.address}/api/v1/events")
        with_it = stranger.get(f"{served.address}/api/v1/events", headers={"Authorization": f"Bearer {token}"})
    code = served.end()

    assert stat.S_IMODE(token_file(tmp_path).stat().st_mode) == 0o600
    assert (without.status_code, with_it.status_code, code) == (401, 200, 0)
    assert token not in str(served.log)
    assert "/login/" not in str(served.log)


@pytest.mark.long
def test_the_command_prints_a_link_that_logs_one_browser_in(served: Served, tmp_path: Path) -> None:
    said = link_for(served, tmp_path)
    with browser() as one, browser() as other:
        followed = one.get(said.stdout.strip())
        page = one.get(f"{served.address}/dead-letters")
        again = other.get(said.stdout.strip())

    assert (said.returncode, said.stderr) == (0, "")
    assert LINK.fullmatch(said.stdout.strip())
    assert (followed.status_code, followed.headers["location"]) == (303, "/")
    assert page.status_code == 200
    assert again.status_code == 401
    assert "his login link has been used, or is too old" in again.text


@pytest.mark.long
def test_the_token_is_the_same_after_a_restart_and_so_are_the_sessions(tmp_path: Path) -> None:
    with serve(tmp_path, settings(tmp_path)) as served:
        with browser() as client:
            client.get(link_for(served, tmp_path).stdout.strip())
            cookie = client.cookies["roundsman"]
        served.end()
    token = token_file(tmp_path).read_text()
    with serve(tmp_path, settings(tmp_path)) as served:
        page = httpx.get(f"{served.address}/", headers={"Cookie": f"roundsman={cookie}"}, trust_env=False)

    assert (page.status_code, token_file(tmp_path).read_text()) == (200, token)


@pytest.mark.long
def test_an_admin_token_of_the_operator_s_goes_before_the_file(tmp_path: Path) -> None:
    own = {**settings(tmp_path), "ROUNDSMAN_ADMIN_TOKEN": "an-invented-admin-token"}
    with serve(tmp_path, own) as served:
        events = httpx.get(
            f"{served.address}/api/v1/events",
            headers={"Authorization": "Bearer an-invented-admin-token"},
            trust_env=False,
        )
        served.end()

    assert events.status_code == 200
    assert not token_file(tmp_path).exists()
    assert HINT not in [line["event"] for line in served.log]


@contextmanager
def on_a_terminal(folder: Path) -> Iterator[int]:
    """A ``roundsman serve`` on a terminal, which can be read from the descriptor."""
    reads, writes = pty.openpty()
    environment = surroundings({**settings(folder), "ROUNDSMAN_PORT": "0", "TERM": "xterm-256color"})
    with subprocess.Popen(
        [str(ROUNDSMAN), "serve"], cwd=folder, env=environment, stdin=writes, stdout=writes, stderr=writes
    ) as process:
        os.close(writes)
        try:
            yield reads
        finally:
            process.terminate()
            while _read(reads):
                pass
            os.close(reads)


def _read(descriptor: int) -> str:
    try:
        return os.read(descriptor, 65_536).decode(errors="replace")
    except OSError:  # the other side has closed it
        return ""


@pytest.mark.long
def test_on_a_terminal_the_link_is_printed_once_pages_can_be_opened(tmp_path: Path) -> None:
    shown = ""
    with on_a_terminal(tmp_path) as reads:
        while not (found := re.search(LINK.pattern + r"(?=\s)", shown)):
            piece = _read(reads)
            assert piece, shown
            shown += piece
        with browser() as client:
            answer = client.get(found[0], follow_redirects=True)

    assert answer.status_code == 200
    assert str(answer.url).endswith("/")
    assert "within 15 minutes:\r\nhttp" in shown
    assert token_file(tmp_path).read_text().strip() not in shown


def readable(file: Path) -> None:
    file.write_text(A_TOKEN)
    file.chmod(0o644)


def empty(file: Path) -> None:
    file.touch(0o600)


def linked(file: Path) -> None:
    other = file.parent / "other"
    other.write_text(A_TOKEN)
    other.chmod(0o600)
    file.symlink_to(other)


@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "problem"),
    first_and_long(
        [
            (readable, "is not used: others may read it (mode 0644)"),
            (empty, "is empty"),
            (Path.mkdir, "is not used: it is no plain file"),
            (linked, "cannot be read: it is a symbolic link"),
        ]
    ),
)
def test_a_file_that_cannot_be_trusted_is_refused_by_serve_and_by_the_command(
    terminal: Terminal, make: Callable[[Path], None], problem: str
) -> None:
    terminal.set(**settings(terminal.folder), ROUNDSMAN_PORT="1")
    (terminal.folder / "data").mkdir(mode=0o700)
    make(token_file(terminal.folder))

    said = terminal.run("login-link")
    ended = run("serve", folder=terminal.folder, **settings(terminal.folder), ROUNDSMAN_PORT="0")

    [sentence] = said.problems
    assert (said.code, said.out, ended.returncode) == (2, "", 2)
    assert sentence.startswith("the admin token in ")
    assert problem in sentence
    assert "remove it, and the next start of `roundsman serve` makes a new one" in sentence
    assert problem in ended.stderr
    assert A_TOKEN not in sentence + ended.stderr


def test_without_a_token_the_command_says_how_one_is_made(terminal: Terminal) -> None:
    said = terminal.run("login-link")
    terminal.set(ROUNDSMAN_DATABASE_URL="postgresql://ci@127.0.0.1:1/roundsman")
    on_postgres = terminal.run("login-link")

    assert (said.code, on_postgres.code) == (2, 2)
    [problem] = said.problems
    assert re.match(
        "there is no admin token in .*data/admin-token yet: start `roundsman serve`, which makes one", problem
    )
    assert on_postgres.problems == [
        "ROUNDSMAN_ADMIN_TOKEN is not set: on Postgres set it to what the running processes have"
    ]


def test_the_link_is_to_the_public_url_or_to_where_pages_are_on_this_machine(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_ADMIN_TOKEN=A_TOKEN)
    links = [terminal.run("login-link").out]
    terminal.set(ROUNDSMAN_HOST="::1", ROUNDSMAN_PORT="8123")
    links.append(terminal.run("login-link").out)
    terminal.set(ROUNDSMAN_HOST="0.0.0.0")  # noqa: S104 - only told
    links.append(terminal.run("login-link").out)
    terminal.set(ROUNDSMAN_PUBLIC_URL="https://ci.example.com/")
    links.append(terminal.run("login-link").out)

    places = [link.partition("/login/")[0] for link in links]
    assert places == ["http://127.0.0.1:8000", "http://[::1]:8123", "http://127.0.0.1:8123", "https://ci.example.com"]


def test_where_any_free_port_is_taken_the_command_asks_for_the_address(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_ADMIN_TOKEN=A_TOKEN, ROUNDSMAN_PORT="0")

    said = terminal.run("login-link")

    assert (said.code, said.problems) == (
        2,
        ["ROUNDSMAN_PORT is 0, which is any free port: set ROUNDSMAN_PUBLIC_URL to where the pages are"],
    )


def test_as_json_the_link_comes_with_its_end(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_ADMIN_TOKEN=A_TOKEN)

    said = terminal.run("login-link", "--json").json

    left = datetime.fromisoformat(said["expires_at"]) - datetime.now(UTC)
    assert set(said) == {"link", "expires_at"}
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
