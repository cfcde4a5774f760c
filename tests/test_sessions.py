"""Sessions are rows: begun by a login or a link, looked up by each process, ended for every copy of a cookie."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine, event

from service.access import Access, login_link
from service.store import sessions
from tests.databases import Database
from tests.doors import PUBLIC_URL, Clock, Doors, browser, clock, doors, form_token, guarded, operator, stranger
from tests.house import House
from tests.operator import ADMIN_TOKEN
from tests.terminal import Terminal

__all__ = ["clock", "doors", "guarded", "operator", "stranger"]  # pytest finds fixtures by name

BOTH = pytest.mark.databases("sqlite", "postgres")
pytestmark = BOTH


def code_for(doors: Doors, token: str = ADMIN_TOKEN) -> str:
    return login_link(token, "", doors.clock()).removeprefix("/login/")


async def status(access: Access, cookies: httpx.Cookies, path: str = "/page") -> int:
    """The answer that another browser with the same cookie gets."""
    async with browser(access, PUBLIC_URL) as client:
        client.cookies = cookies
        return (await client.get(path)).status_code


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that reaches the database."""
    noted: list[str] = []

    def note(*args: object) -> None:
        noted.append(str(args[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_a_logout_ends_the_session_for_every_copy_of_its_cookie_in_every_process(
    operator: httpx.AsyncClient, doors: Doors
) -> None:
    copy, other = httpx.Cookies(operator.cookies), doors.made()
    before = [await status(other, copy, path) for path in ("/page", "/api")]
    await operator.post("/log-out")
    after = [await status(other, copy, path) for path in ("/page", "/api")]

    assert (before, after) == ([200, 200], [401, 401])


async def test_a_logout_ends_no_other_session(operator: httpx.AsyncClient, guarded: Access) -> None:
    async with browser(guarded, PUBLIC_URL) as other:
        await other.post("/log-in", params={"token": ADMIN_TOKEN})
        await operator.post("/log-out")

        assert (await other.get("/page")).status_code == 200


async def test_looking_a_session_up_is_one_read_and_no_write(operator: httpx.AsyncClient) -> None:
    with statements() as noted:
        for _ in range(3):
            await operator.get("/page")

    asked = [one.split()[0] for one in noted if not one.startswith(("PRAGMA", "BEGIN", "SELECT 1", "SET"))]
    assert asked == ["SELECT"] * 3


async def test_a_made_up_cookie_does_not_reach_the_database(stranger: httpx.AsyncClient) -> None:
    with statements() as noted:
        answer = await stranger.get("/page", headers={"Cookie": "__Host-roundsman=made.up"})

    assert (answer.status_code, noted) == (401, [])


async def test_the_row_holds_nothing_that_logs_anybody_in(operator: httpx.AsyncClient, database: Database) -> None:
    cookie = operator.cookies["__Host-roundsman"]

    [row] = database.rows("SELECT * FROM sessions")
    assert not any(str(part) in cookie or cookie in str(part) for part in row if part is not None)
    assert ADMIN_TOKEN not in str(row)
    assert database.rows("SELECT address, ended_at FROM sessions") == [("192.0.2.1", None)]


async def test_sessions_that_are_over_are_pruned_and_open_ones_stay(
    operator: httpx.AsyncClient, doors: Doors, clock: Clock
) -> None:
    clock.now += timedelta(hours=6)
    async with browser(doors.made(), PUBLIC_URL) as later:
        await later.post("/log-in", params={"token": ADMIN_TOKEN})
        clock.now += timedelta(hours=6, seconds=1)
        pruned = await doors.store.write(sessions.prune, now=clock.now)
        left = await doors.store.read(sessions.open_sessions, clock.now)

        assert (pruned, len(left)) == (1, 1)
        assert (await later.get("/page")).status_code == 200


async def test_the_pipeline_prunes_them(house: House) -> None:
    assert (await house.http.get("/")).status_code == 200
    house.clock.tick(days=1)
    await house.service.pipeline.prune()

    assert house.rows("SELECT count(*) FROM sessions") == [(0,)]


# Login links


async def test_a_login_link_logs_one_browser_in(stranger: httpx.AsyncClient, doors: Doors) -> None:
    answer = await stranger.get("/link", params={"code": code_for(doors)})

    assert answer.status_code == 200
    assert (await stranger.get("/page")).status_code == 200
    assert (await stranger.post("/form", params={"form_token": await form_token(stranger)})).json() == {"who": "pages"}


async def test_a_login_link_is_good_for_one_session_whatever_process_is_asked(
    stranger: httpx.AsyncClient, doors: Doors
) -> None:
    code = code_for(doors)
    first = await stranger.get("/link", params={"code": code})
    async with browser(doors.made(), PUBLIC_URL) as other:
        second = await other.get("/link", params={"code": code})
        await stranger.post("/log-out")
        third = await other.get("/link", params={"code": code})

    assert [answer.status_code for answer in (first, second, third)] == [200, 401, 401]
    assert second.json()["error"].startswith("this login link has been used, or is too old; `roundsman login-link`")
    assert "set-cookie" not in second.headers


async def test_a_login_link_is_too_old_after_a_quarter_of_an_hour(
    stranger: httpx.AsyncClient, doors: Doors, clock: Clock
) -> None:
    code, late = code_for(doors), code_for(doors)
    clock.now += timedelta(minutes=15)
    in_time = await stranger.get("/link", params={"code": code})
    clock.now += timedelta(seconds=1)
    too_late = await stranger.get("/link", params={"code": late})

    assert (in_time.status_code, too_late.status_code) == (200, 401)


async def test_looking_at_a_login_link_does_not_use_it_up(stranger: httpx.AsyncClient, doors: Doors) -> None:
    code = code_for(doors)
    looked = await stranger.head("/link", params={"code": code})
    opened = await stranger.get("/link", params={"code": code})

    assert (looked.status_code, opened.status_code) == (401, 200)


@pytest.mark.parametrize(
    "code", ["", "made-up", "9999999999.00.x", "9999999999", ".", "\u00fc.\u00fc", "x" * 5_000, "9" * 5_000 + ".x.y"]
)
async def test_a_made_up_code_is_no_link(stranger: httpx.AsyncClient, code: str) -> None:
    assert (await stranger.get("/link", params={"code": code})).status_code == 401


async def test_a_link_is_void_with_another_admin_token(stranger: httpx.AsyncClient, doors: Doors) -> None:
    code = code_for(doors, "a-former-admin-token")

    assert (await stranger.get("/link", params={"code": code})).status_code == 401


async def test_a_cookie_is_no_link_and_a_link_is_no_cookie(operator: httpx.AsyncClient, doors: Doors) -> None:
    cookie, code = operator.cookies["__Host-roundsman"], code_for(doors)
    async with browser(doors.made(), PUBLIC_URL) as other:
        as_link = await other.get("/link", params={"code": cookie})
        as_cookie = await other.get("/page", headers={"Cookie": f"__Host-roundsman={code}"})

    assert (as_link.status_code, as_cookie.status_code) == (401, 401)


# Commands


@pytest.fixture
def desk(terminal: Terminal, database: Database) -> Terminal:
    """An operator whose commands find the database, and no admin token: these need none."""
    terminal.set(ROUNDSMAN_DATABASE_URL=database.url)
    return terminal


async def begun(doors: Doors, count: int) -> list[httpx.Cookies]:
    jars = []
    for number in range(count):
        async with browser(doors.made(), PUBLIC_URL, client=f"192.0.2.{number + 1}") as client:
            await client.post("/log-in", params={"token": ADMIN_TOKEN})
            jars.append(httpx.Cookies(client.cookies))
    return jars
