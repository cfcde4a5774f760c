"""Whatever comes in, nothing breaks: every page, list and answer of the API, and commands, over hostile bodies.

The addresses come from the application itself, so that a page that is added is tried too.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import pytest
from starlette.routing import Route

from service.operations.queries import SEARCHABLE
from tests.support import hostile_bodies
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance
from tests.support.cli_runner import Terminal
from tests.support.operator_client import ADMIN_TOKEN

PARAMETERS = (
    *(*SEARCHABLE, "cursor", "limit", "done", "next", "dismissed", "because", "check"),
    *("receiver", "channel", "state", "key", "unknown", "\x00"),
)
FIELDS = ("token", "next", "because", "notification", "\x00")
HEADERS = ("referer", "cookie", "x-request-id", "user-agent", "accept", "origin", "x-forwarded-for", "authorization")
HEADER_VALUES = ("[", "\x80\xff", "http://[", 'roundsman=\\"', "Bearer \xff", "text/html;q=[", "a" * 5_000, "%00", "")
BATCH = 500  # judged within the minute that draining has
HOSTS = ("[", "a:b:c", "127.0.0.1:99999999", "\xff", "")


@dataclass
class Caller:
    """Calls addresses and remembers those that broke."""

    http: httpx.AsyncClient
    broken: list[str] = field(default_factory=list)
    calls: int = 0

    async def call(self, method: str, address: str, **more: object) -> httpx.Response:
        response = await self.http.request(method, address, **more)  # type: ignore[arg-type]  # reason: many kinds
        self.calls += 1
        if response.status_code == 500:
            self.broken.append(f"{method} {address[:300]} {str(more)[:300]}")
        return response


@asynccontextmanager
async def calling(instance: Instance) -> AsyncIterator[Caller]:
    """An operator who is logged in and holds the admin token, and to whom an error is an answer."""
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=("127.0.0.1", 4711))
    headers = {**instance.http.headers, "Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url=instance.http.base_url, headers=headers) as http:
        assert (await http.post("/login", data={"token": ADMIN_TOKEN})).cookies
        yield Caller(http)


async def fill(instance: Instance, count: int) -> list[str]:
    """Post hostile bodies and have them judged, some hundreds at a time; the ids of those that were kept."""
    answers: list[httpx.Response] = []
    for number, body in enumerate(hostile_bodies.bodies(count, seed=count), start=1):
        answers.append(await instance.send(body))
        if number % BATCH == 0:
            await instance.drain()
    await instance.drain()
    assert {answer.status_code for answer in answers} <= {202, 400, 413}
    await instance.drain(minutes=3)
    return [answer.json()["delivery"] for answer in answers if answer.status_code == 202]


def routes(instance: Instance) -> Iterable[tuple[str, str]]:
    """Every method and path that the application has."""
    for route in instance.service.asgi.routes:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in sorted((route.methods or {"GET"}) - {"HEAD"}))


def filled_in(path: str, value: str) -> str:
    """A path with something in place of each of its names."""
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + quote(value, safe="", errors="replace") + rest.partition("}")[2]
    return path


def spelled(values: Sequence[tuple[str, str]]) -> str:
    return urlencode(values, errors="replace")


async def look_at(caller: Caller, ids: Sequence[str]) -> None:
    """Open the page and the API's answer of each by turns, and every list to its end."""
    for number, one in enumerate(ids):
        address = f"/api/v1/events/{one}" if number % 2 else f"/builds/{one}"
        assert (await caller.call("GET", address)).status_code in {200, 404}
    for address in ("/builds?event=any", "/dead-letters", "/metrics", "/api/v1/dead-letters"):
        assert (await caller.call("GET", address)).status_code == 200
    cursor: str | None = ""
    while cursor is not None:
        page = await caller.call("GET", f"/api/v1/events?limit=200&cursor={cursor}" if cursor else "/api/v1/events")
        assert page.status_code == 200
        cursor = page.json()["next"]


async def try_everything(
    instance: Instance, caller: Caller, ids: Sequence[str], chance: random.Random, tries: int
) -> None:
    """Call every route with hostile names, parameters, fields and headers."""
    texts = [*hostile_bodies.TEXTS, *hostile_bodies.TIMES, "AAAA", "0", "9" * 30]
    for method, path in routes(instance):
        for _ in range(tries):
            name = chance.choice([chance.choice(ids), str(uuid4()), chance.choice(hostile_bodies.TEXTS)[:200]])
            asked = [
                (chance.choice(PARAMETERS), chance.choice(texts)[:3_000]) for _ in range(chance.choice([0, 1, 1, 2]))
            ]
            address = f"{filled_in(path, name)}?{spelled(asked)}"
            headers = [(b"x-hostile", b"")]
            if chance.random() < 0.3:
                value = chance.choice(HEADER_VALUES).encode("latin-1")
                headers = [(chance.choice(HEADERS).encode(), value)]
            if chance.random() < 0.1:
                headers.append((b"host", chance.choice(HOSTS).encode("latin-1")))
            form = spelled([(name, chance.choice(texts)[:500]) for name in FIELDS]) if method == "POST" else ""
            await caller.call(method, address, headers=headers, content=form.encode())


async def search_for_each(caller: Caller) -> None:
    """Ask for each hostile text by each filter: also for those that no sampling may find."""
    for name in SEARCHABLE:
        for text in (*hostile_bodies.TEXTS, *hostile_bodies.TIMES):
            for address in ("/builds", "/api/v1/events"):
                await caller.call("GET", f"{address}?{spelled([(name, text[:2_000])])}")


@pytest.mark.databases("sqlite", "postgres")
async def test_nothing_that_comes_in_breaks_a_page_or_an_answer(
    instance: Instance, is_long: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = await fill(instance, 2_500 if is_long else 200)
    chance = random.Random(len(ids))

    async with calling(instance) as caller:
        await look_at(caller, ids if is_long else ids[:20] + ids[-20:])
        await try_everything(instance, caller, ids, chance, tries=30 if is_long else 3)
        if is_long:
            await search_for_each(caller)
    await instance.drain()  # some were replayed

    assert caller.broken == []
    assert "Traceback" not in "".join(capsys.readouterr())
    assert not instance.rows("SELECT id FROM deliveries WHERE state = 'kept'")
    assert not instance.rows("SELECT id FROM deliveries WHERE failures > 0")


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
def test_no_command_breaks_over_what_came_in(terminal: Terminal, folder: Path, is_long: bool) -> None:
    async def filled() -> list[str]:
        async with an_instance(folder) as instance:
            return await fill(instance, 400 if is_long else 40)

    ids = asyncio.run(filled())
    terminal.configure(RED_TO_WEB)
    shown = ids if is_long else ids[-8:]
    # what an operating system passes on: no NUL, and bytes that are no UTF-8 as Python keeps them
    told = [text[:300].encode("utf-8", "ignore").decode().replace("\x00", "") for text in hostile_bodies.TEXTS]
    words = [*told, "\udcff\udc80"]
    chance = random.Random(7)
    commands: list[tuple[str, ...]] = [("events", "list"), ("events", "list", "--json"), ("dead-letters", "--json")]
    commands += [(*command, one) for one in shown for command in (("events", "show"), ("explain",))]
    commands += [("events", "show", one, "--json") for one in shown]
    tried = words if is_long else chance.sample(words, 6)
    commands += [("events", "list", f"--{chance.choice(SEARCHABLE)}", f"x{word}") for word in tried]
    commands += [("dismiss", chance.choice(ids), f"--because=x{word}") for word in tried[:3]]
    commands += [("routes", "test", "--json", "--set", f"branch={word}") for word in tried]
    commands += [("replay", f"x{tried[0]}"), ("resend", ids[0])]

    said = {command: terminal.run(*command) for command in commands}

    assert [command for command in commands if "Traceback" in said[command].err + said[command].out] == []
    assert {one.code for one in said.values()} <= {0, 1, 2}
