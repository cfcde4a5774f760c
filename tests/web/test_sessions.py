"""Sessions are rows: begun by a login or a link, looked up by each process, ended for every copy of a cookie."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, event

from service.cli._operator import operator as operator_name
from service.store.audit import actions
from service.store.people import sessions
from service.web.auth.access import Access
from service.web.auth.session import login_link
from tests.support.app_fixture import Instance
from tests.support.auth_fixtures import PUBLIC_URL, Clock, Doors, browser, clock, doors, guarded, operator, stranger
from tests.support.cli_runner import Said, Terminal
from tests.support.databases import Database
from tests.support.operator_client import ADMIN_TOKEN

__all__ = ["clock", "doors", "guarded", "operator", "stranger"]  # pytest finds fixtures by name

BOTH = pytest.mark.databases("sqlite", "postgres")
pytestmark = pytest.mark.databases("sqlite", "postgres")


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


@BOTH
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


@BOTH
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


@BOTH
async def test_the_pipeline_prunes_them(instance: Instance) -> None:
    assert (await instance.http.get("/builds")).status_code == 200
    instance.clock.tick(days=1)
    await instance.service.pipeline.prune()

    assert instance.rows("SELECT count(*) FROM sessions") == [(0,)]


# Login links


async def test_a_login_link_logs_one_browser_in(stranger: httpx.AsyncClient, doors: Doors) -> None:
    answer = await stranger.get("/link", params={"code": code_for(doors)})

    assert answer.status_code == 200
    assert (await stranger.get("/page")).status_code == 200
    assert (await stranger.post("/form")).json() == {"who": "admin"}


async def test_a_login_link_begins_one_session_across_all_processes(stranger: httpx.AsyncClient, doors: Doors) -> None:
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


async def test_the_open_sessions_are_listed_newest_first(doors: Doors, clock: Clock, desk: Terminal) -> None:
    clock.now = datetime.now(UTC)
    await begun(doors, 2)
    await doors.store.write(sessions.end, [(await open_ones(doors))[0]], clock.now)
    clock.now += timedelta(seconds=2)
    await begun(doors, 1)

    listed, shown = await ran(desk, "sessions", "list", "--json"), await ran(desk, "sessions", "list")

    items = listed.json["items"]
    assert (listed.code, shown.code) == (0, 0)
    assert [UUID(item["id"]) for item in items] == await open_ones(doors)
    assert len(items) == 2
    assert set(items[0]) == {"id", "begun_at", "expires_at", "address", "user", "kind", "groups", "user_agent"}
    assert shown.lines[0].split() == ["id", "begun", "until", "from", "user"]
    assert [line.split()[0] for line in shown.lines[1:]] == [item["id"][:8] for item in items]


async def test_without_sessions_the_list_says_so(desk: Terminal) -> None:
    listed, shown = await ran(desk, "sessions", "list", "--json"), await ran(desk, "sessions", "list")

    assert (listed.json, shown.lines) == ({"items": []}, ["no sessions"])


@pytest.mark.parametrize("digits", [8, 32])
async def test_a_session_is_ended_by_its_id_and_the_others_go_on(
    doors: Doors, guarded: Access, clock: Clock, desk: Terminal, digits: int
) -> None:
    clock.now = datetime.now(UTC)
    [first] = await begun(doors, 1)
    [ended] = await open_ones(doors)
    [second] = await begun(doors, 1)

    said, again = [await ran(desk, "sessions", "end", ended.hex[:digits]) for _ in range(2)]

    assert (said.code, said.lines) == (0, ["1 session ended"])
    assert (again.code, again.lines) == (0, ["0 sessions ended"])
    assert [await status(guarded, jar) for jar in (first, second)] == [401, 200]


@BOTH
async def test_several_sessions_are_ended_at_once_or_none(doors: Doors, clock: Clock, desk: Terminal) -> None:
    clock.now = datetime.now(UTC)
    await begun(doors, 3)
    one, other, stays = await open_ones(doors)

    refused = await ran(desk, "sessions", "end", one.hex, "0" * 32)
    left = await open_ones(doors)
    said = await ran(desk, "sessions", "end", one.hex, str(other), "--json")

    assert (refused.code, left) == (1, [one, other, stays])
    assert refused.problems == [f"there is no session {'0' * 32}; ids are in `roundsman sessions list`"]
    assert (said.json, await open_ones(doors)) == ({"ended": 2}, [stays])
    acts = await doors.store.read(actions.of_subjects, [one, other, stays])
    assert sorted((act.verb, act.subject_id) for act in acts) == sorted(
        ("end_session", ended) for ended in (one, other)
    )
    assert {act.who for act in acts} == {operator_name()}


async def test_all_sessions_are_ended_at_once_and_a_login_begins_another(
    doors: Doors, guarded: Access, clock: Clock, desk: Terminal
) -> None:
    clock.now = datetime.now(UTC)
    jars = await begun(doors, 3)

    said = await ran(desk, "sessions", "end", "--all")
    [fresh] = await begun(doors, 1)

    assert said.lines == ["3 sessions ended"]
    assert [await status(guarded, jar) for jar in (*jars, fresh)] == [401, 401, 401, 200]


@pytest.mark.parametrize("words", [(), ("0" * 8, "--all"), ("tomorrow",)])
async def test_which_sessions_to_end_has_to_be_said(desk: Terminal, words: tuple[str, ...]) -> None:
    said = await ran(desk, "sessions", "end", *words)

    assert said.code == 2
    assert len(said.problems) == 1


@BOTH
async def test_a_link_that_was_used_stays_used_when_its_session_is_ended(
    doors: Doors, stranger: httpx.AsyncClient, clock: Clock, desk: Terminal
) -> None:
    clock.now = datetime.now(UTC)
    code = code_for(doors)
    first = await stranger.get("/link", params={"code": code})
    await ran(desk, "sessions", "end", "--all")
    second = await stranger.get("/link", params={"code": code})

    assert (first.status_code, second.status_code) == (200, 401)


AN_HOUR_AHEAD = (
    "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
    "$$SELECT pg_catalog.clock_timestamp() + interval '1 hour'$$"
)


async def test_the_command_makes_a_link_by_the_clock_of_the_database(
    doors: Doors, stranger: httpx.AsyncClient, clock: Clock, desk: Terminal, database: Database
) -> None:
    clock.now = datetime.now(UTC)
    if "postgres" in database.url:  # whatever the clock of this machine says
        clock.now += timedelta(hours=1)
        database.change(AN_HOUR_AHEAD)
    desk.set(ROUNDSMAN_ADMIN_TOKEN=ADMIN_TOKEN, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL)

    link = (await ran(desk, "login-link")).out.strip()
    answer = await stranger.get("/link", params={"code": link.removeprefix(f"{PUBLIC_URL}/login/")})

    assert answer.status_code == 200


async def ran(desk: Terminal, *words: str) -> Said:
    """Run a command, which has an event loop of its own, in a thread."""
    return await asyncio.to_thread(desk.run, *words)


async def open_ones(doors: Doors) -> list[UUID]:
    return [session.id for session in await doors.store.read(sessions.open_sessions, doors.clock())]
