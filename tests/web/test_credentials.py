"""Each wrong credential at each private address: none is let in, none changes anything, and none breaks anything."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from service.web.auth.session import CookieSigner, LinkSigner
from service.web.pages.notices import COOKIE as NOTICE
from tests.support.app_fixture import SECRET, TOKEN, Instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.raw_client import echoing, exchange, statuses
from tests.test_hostile_data import filled_in, routes

Header = tuple[bytes, bytes]
PUBLIC = {"/healthz", "/readyz", "/metrics", "/hooks/circleci", "/hooks/circleci/"}
DOORS = {
    "/login",
    "/login/{code}",
    "/login/oidc",
    "/login/oidc/callback",
    "/logout",
    "/static/{name}",
    "/builds/{id}/link/{token}",
}
RIGHT = f"Bearer {ADMIN_TOKEN}".encode()


def authorization(*values: bytes) -> list[Header]:
    return [(b"authorization", value) for value in values]


def basic(words: str) -> bytes:
    return b"Basic " + base64.b64encode(words.encode())


HEADERS: dict[str, list[Header]] = {
    "none": [],
    "empty": authorization(b""),
    "scheme alone": authorization(b"Bearer"),
    "scheme and blanks": authorization(b"Bearer   "),
    "wrong": authorization(b"Bearer an-invented-other-token"),
    "one letter less": authorization(RIGHT[:-1]),
    "one letter more": authorization(RIGHT + b"n"),
    "other case": authorization(b"Bearer " + ADMIN_TOKEN.upper().encode()),
    "twice the scheme": authorization(b"Bearer " + RIGHT),
    "no scheme": authorization(ADMIN_TOKEN.encode()),
    "no blank": authorization(b"Bearer" + ADMIN_TOKEN.encode()),
    "a tab": authorization(b"Bearer\t" + ADMIN_TOKEN.encode()),
    "quoted": authorization(b'Bearer "' + ADMIN_TOKEN.encode() + b'"'),
    "token68 in base64": authorization(b"Bearer " + base64.b64encode(ADMIN_TOKEN.encode())),
    "another scheme": authorization(b"Token " + ADMIN_TOKEN.encode()),
    "as a basic password": authorization(basic(f"admin:{ADMIN_TOKEN}")),
    "as a basic user": authorization(basic(f"{ADMIN_TOKEN}:")),
    "digest": authorization(b'Digest username="admin", response="' + ADMIN_TOKEN.encode() + b'"'),
    "wrong, then right": authorization(b"Bearer wrong", RIGHT),
    "right, then wrong": authorization(RIGHT, b"Bearer wrong"),
    "right twice": authorization(RIGHT, RIGHT),
    "a list": authorization(b"Bearer wrong, " + RIGHT),
    "bytes beyond ASCII": authorization(b"Bearer \xff\xfe\xc3\x28"),
    "UTF-8": authorization("Bearer schlüssel-für-den-rundgang".encode()),
    "look-alike letters": authorization(b"Bearer " + ADMIN_TOKEN.replace("a", "а").encode()),
    "UTF-16": authorization(b"Bearer " + ADMIN_TOKEN.encode("utf-16-le")),
    "NUL at the end": authorization(RIGHT + b"\x00"),
    "NUL before": authorization(b"Bearer \x00" + ADMIN_TOKEN.encode()),
    "very long": authorization(RIGHT + b"x" * 50_000),
    "another header": [
        (b"proxy-authorization", RIGHT),
        (b"x-authorization", RIGHT),
        (b"x-api-key", ADMIN_TOKEN.encode()),
    ],
    "a header with an underscore": [(b"http_authorization", RIGHT)],
    "the webhook secret": authorization(b"Bearer " + SECRET.encode()),
    "the token for CircleCI": authorization(b"Bearer " + TOKEN.encode()),
    "null": authorization(b"Bearer null"),
    "as if from this machine": [
        *((b"x-forwarded-for", b"127.0.0.1"), (b"x-real-ip", b"127.0.0.1"), (b"x-forwarded-host", b"localhost")),
        *((b"via", b"1.1 proxy"), (b"cf-connecting-ip", b"127.0.0.1"), (b"forwarded", b"for=127.0.0.1")),
    ],
    "as if of a page of ours": [(b"origin", b"http://127.0.0.1:8000"), (b"sec-fetch-site", b"same-origin")],
    "a user that a proxy names": [(b"x-forwarded-user", b"admin"), (b"remote-user", b"admin")],
    "a cookie that is empty": [(b"cookie", b"roundsman=")],
    "a cookie that is the token": [(b"cookie", b"roundsman=" + ADMIN_TOKEN.encode())],
    "a cookie of dots": [(b"cookie", b"roundsman=...")],
    "a cookie beyond ASCII": [(b"cookie", b"roundsman=\xff\x80.\xfe")],
    "a cookie with a NUL": [(b"cookie", b"roundsman=a.\x00b")],
    "a cookie that is very long": [(b"cookie", b"roundsman=" + b"x." * 3_900)],
    "many cookies": [(b"cookie", b"; ".join(b"roundsman=%d.x" % number for number in range(500)))],
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """What an operator's logins left behind: cookies of sessions that are open and that are over, and links."""

    open: str
    ended: str
    expired: str
    lost: str
    used_link: str
    link: str


COOKIES: dict[str, Callable[[Made], str]] = {
    "a session that has ended": lambda made: f"roundsman={made.ended}",
    "a session that has expired": lambda made: f"roundsman={made.expired}",
    "a session whose row is gone": lambda made: f"roundsman={made.lost}",
    "a session that never began": lambda _: f"roundsman={CookieSigner(ADMIN_TOKEN).make().value}",
    "a session by another token": lambda _: f"roundsman={CookieSigner('a-token-of-a-stranger').make().value}",
    "another's signature": lambda made: f"roundsman={made.open.partition('.')[0]}.{made.ended.partition('.')[2]}",
    "without its signature": lambda made: f"roundsman={made.open.partition('.')[0]}",
    "a letter less": lambda made: f"roundsman={made.open[:-1]}",
    "letters of the other case": lambda made: f"roundsman={made.open.swapcase()}",
    "in quotes": lambda made: f'roundsman="{made.open}"',
    "of other names": lambda made: f"__Host-roundsman={made.open}; Roundsman={made.open}; session={made.open}",
    "the code of a link": lambda made: f"roundsman={made.link}",
    "the code of a link that was used": lambda made: f"roundsman={made.used_link}",
}


def calling(instance: Instance, client: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=(client, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def log_in(client: httpx.AsyncClient) -> str:
    await client.post("/login", data={"token": ADMIN_TOKEN})
    return client.cookies["roundsman"]


async def left_behind(instance: Instance) -> Made:
    async with calling(instance) as client:
        lost = await log_in(client)
        instance.change("DELETE FROM sessions")
        expired = await log_in(client)
        instance.clock.tick(hours=13)
        used_link = LinkSigner(ADMIN_TOKEN).make(instance.clock())
        assert (await client.get(f"/login/{used_link}")).status_code == 303
        ended = client.cookies["roundsman"]
        assert (await client.post("/logout")).headers["location"] == "/login"
        opened = await log_in(client)
    link = LinkSigner(ADMIN_TOKEN).make(instance.clock())
    return Made(open=opened, ended=ended, expired=expired, lost=lost, used_link=used_link, link=link)


def private_addresses(instance: Instance, subject: str) -> list[tuple[str, str]]:
    """Each address that is not known to be for all: also one that is added tomorrow."""
    return [(method, filled_in(path, subject)) for method, path in routes(instance) if path not in PUBLIC | DOORS]


def is_refused(answer: httpx.Response) -> bool:
    if any(not cookie.startswith(f"{NOTICE}=") for cookie in answer.headers.get_list("set-cookie")):
        return False
    leads_to_login = answer.headers.get("location", "").startswith("/login?next=%2F")
    is_for_programs = answer.url.path.startswith("/api/")
    return answer.status_code in {401, 429} or (answer.status_code == 303 and leads_to_login and not is_for_programs)


@pytest.mark.long
async def test_no_wrong_credential_opens_any_private_address(instance: Instance) -> None:
    dead = (await instance.send(b"{}")).json()["delivery"]
    await instance.drain()
    made = await left_behind(instance)
    cookies = {name: [(b"cookie", make(made).encode("latin-1"))] for name, make in COOKIES.items()}
    sessions = instance.rows("SELECT id, ended_at FROM sessions")

    let_in = []
    for number, (name, headers) in enumerate({**HEADERS, **cookies}.items()):
        async with calling(instance, f"198.51.100.{number}") as client:
            answers = [
                await client.request(method, address, headers=headers)
                for method, address in private_addresses(instance, dead)
            ]
        let_in += [(name, one.request, one.status_code) for one in answers if not is_refused(one)]

    assert let_in == []
    assert instance.rows("SELECT * FROM actions") == []
    assert instance.jobs() == []
    assert instance.rows("SELECT id, ended_at FROM sessions") == sessions


async def test_the_right_credential_opens_each_of_them(instance: Instance) -> None:
    dead = (await instance.send(b"{}")).json()["delivery"]
    await instance.drain()
    made = await left_behind(instance)

    refused = []
    async with calling(instance) as client:
        # to log out everywhere comes last: it ends the session in use
        for method, address in sorted(private_addresses(instance, dead), key=lambda one: one[1] == "/sessions/end"):
            headers = {"Authorization": RIGHT.decode()} if address.startswith("/api/") else {}
            cookies = {} if headers else {"Cookie": f"roundsman={made.open}"}
            answer = await client.request(method, address, headers=headers | cookies)
            if answer.status_code == 403 or is_refused(answer):
                refused.append((method, address, answer.status_code))

    assert refused == []
    assert instance.rows("SELECT verb FROM actions") != []


@pytest.mark.parametrize("query", ["token", "access_token", "key", "api_key", "admin_token", "authorization"])
async def test_a_token_in_an_address_is_no_credential(instance: Instance, query: str) -> None:
    async with calling(instance) as client:
        answers = [await client.get(path, params={query: ADMIN_TOKEN}) for path in ("/api/v1/events", "/")]
        answers.append(await client.get("/login", params={query: ADMIN_TOKEN}))

    assert [answer.status_code for answer in answers] == [401, 303, 200]
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_on_the_wire_each_is_refused_too(instance: Instance) -> None:
    """A library would not send some of them; a server may change what it passes on."""
    refused: dict[str, list[int]] = {}
    async with echoing(app=instance.service.asgi) as url:
        for number, (name, headers) in enumerate(HEADERS.items()):
            sent = (
                headers
                if name == "as if from this machine"
                else [(b"x-forwarded-for", b"192.0.2.%d" % number), *headers]
            )
            lines = b"".join(key + b": " + value + b"\r\n" for key, value in sent)
            for path in (b"/api/v1/events", b"/"):
                head = b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lines + b"Connection: close\r\n\r\n"
                refused.setdefault(name, []).extend(statuses(await exchange(url, head)))

    assert {
        name: found for name, found in refused.items() if len(found) != 2 or not {*found} <= {303, 400, 401, 431}
    } == {}


async def test_behind_a_proxy_with_default_settings_a_credential_is_required(instance: Instance) -> None:
    """It sends its own address as Host, HTTP/1.0 and nothing of where the request came from."""
    answers = {}
    async with echoing(app=instance.service.asgi) as url:
        host = url.removeprefix("http://").encode()
        for method, address in private_addresses(instance, "00000000-0000-0000-0000-000000000001"):
            head = f"{method} {address} HTTP/1.0\r\n".encode() + b"Host: " + host + b"\r\nConnection: close\r\n"
            body = b"Content-Length: 0\r\n\r\n" if method == "POST" else b"\r\n"
            [answers[f"{method} {address}"]] = statuses(await exchange(url, head + body))

    assert set(answers.values()) == {303, 401}
