"""Who may come in: tokens, sessions, forms, and where a request came from."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.access import Access
from service.errors import Rejected

TOKEN = "an-invented-admin-token"
PUBLIC_URL = "https://ci.example.com"


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def app(access: Access) -> Starlette:
    """A door for each way in, that says who came through it."""

    async def api(request: Request) -> Response:
        return JSONResponse({"who": access.require(request)})

    async def page(request: Request) -> Response:
        session = access.visit(request)
        response = JSONResponse({"form_token": session.form_token, "is_new": session.is_new})
        access.remember(response, session)
        return response

    async def form(request: Request) -> Response:
        return JSONResponse({"who": access.require_form(request, request.query_params["form_token"])})

    async def log_in(request: Request) -> Response:
        response = JSONResponse({})
        access.remember(response, access.log_in(request, request.query_params["token"]))
        return response

    async def log_out(_request: Request) -> Response:
        response = JSONResponse({})
        access.forget(response)
        return response

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected)
        return JSONResponse({"error": str(error)}, error.status)

    doors = {"/page": page, "/form": form, "/log-in": log_in, "/log-out": log_out}
    routes = [Route(path, door, methods=["GET", "POST"]) for path, door in {"/api": api, **doors}.items()]
    return Starlette(routes=routes, exception_handlers={Rejected: refused})


def browser(access: Access, address: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app(access)), base_url=address)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(clock: Clock) -> Access:
    return Access(admin_token=TOKEN, public_url=PUBLIC_URL, clock=clock)


@pytest.fixture
async def stranger(guarded: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(guarded, PUBLIC_URL) as client:
        yield client


@pytest.fixture
async def operator(guarded: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(guarded, PUBLIC_URL) as client:
        await client.post("/log-in", params={"token": TOKEN})
        yield client


@pytest.fixture
async def neighbour(clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody on the machine itself, where no token is set."""
    async with browser(Access(admin_token=None, public_url=None, clock=clock)) as client:
        yield client


async def form_token(client: httpx.AsyncClient) -> str:
    return str((await client.get("/page")).json()["form_token"])


# The API


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer  "])
async def test_the_admin_token_opens_the_api(stranger: httpx.AsyncClient, method: str, scheme: str) -> None:
    answer = await stranger.request(method, "/api", headers={"Authorization": f"{scheme} {TOKEN}"})

    assert answer.json() == {"who": "api token"}


@pytest.mark.parametrize(
    "credential",
    [
        b"Bearer wrong",
        b"Bearer",
        b"",
        b"Bearer " + TOKEN.encode() + b"x",
        b"Basic " + TOKEN.encode(),
        TOKEN.encode(),
        "Bearer schlüssel".encode(),
        b"Bearer \xff\xfe",
    ],
)
async def test_no_other_credential_opens_the_api(stranger: httpx.AsyncClient, credential: bytes) -> None:
    answer = await stranger.get("/api", headers=[(b"authorization", credential)])

    assert answer.status_code == 401
    assert "send Authorization: Bearer and the admin token" in answer.json()["error"]
    assert TOKEN not in answer.text


async def test_a_token_beyond_ascii_opens_the_api_when_sent_in_utf8(clock: Clock) -> None:
    token = "schlüssel-für-den-rundgang"
    async with browser(Access(admin_token=token, public_url=None, clock=clock)) as client:
        answer = await client.get("/api", headers=[(b"authorization", f"Bearer {token}".encode())])

    assert answer.json() == {"who": "api token"}


async def test_without_a_credential_the_api_says_what_to_send(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/api")

    assert answer.status_code == 401
    assert answer.json()["error"].startswith("the API needs a credential: send Authorization: Bearer")


async def test_who_is_logged_in_may_look_at_the_api_but_change_nothing_there(operator: httpx.AsyncClient) -> None:
    looking, changing = await operator.get("/api"), await operator.post("/api")

    assert looking.json() == {"who": "pages"}
    assert changing.status_code == 401


async def test_a_wrong_token_is_refused_also_from_who_is_logged_in(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/api", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401


# Sessions


async def test_a_page_wants_a_session(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/page", headers={"Authorization": f"Bearer {TOKEN}"})

    assert (answer.status_code, answer.json()) == (401, {"error": "please log in first"})


async def test_logging_in_begins_a_session_that_the_pages_know(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/page")

    assert answer.json()["is_new"] is False
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "wrong", "schlüssel", TOKEN + " "])
async def test_a_wrong_token_begins_no_session(stranger: httpx.AsyncClient, token: str) -> None:
    answer = await stranger.post("/log-in", params={"token": token})

    assert answer.status_code == 401
    assert answer.json()["error"] == "that is not the admin token; it is what ROUNDSMAN_ADMIN_TOKEN was set to"
    assert "set-cookie" not in answer.headers


async def test_behind_https_the_cookie_is_for_this_host_and_tls_alone(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/log-in", params={"token": TOKEN})

    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-roundsman"
    assert attributes.split("; ")[1:] == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax", "Secure"]


async def test_without_https_the_cookie_asks_for_none(clock: Clock) -> None:
    async with browser(Access(admin_token=TOKEN, public_url=None, clock=clock)) as client:
        answer = await client.post("/log-in", params={"token": TOKEN})

    assert answer.headers["set-cookie"].startswith("roundsman=")
    assert "Secure" not in answer.headers["set-cookie"]


async def test_every_login_begins_another_session(stranger: httpx.AsyncClient) -> None:
    values = set()
    for _ in range(2):
        await stranger.post("/log-in", params={"token": TOKEN})
        values.add(stranger.cookies["__Host-roundsman"])

    assert len(values) == 2


async def test_a_session_ends_after_twelve_hours(operator: httpx.AsyncClient, clock: Clock) -> None:
    clock.now += timedelta(hours=12)
    just_in_time = await operator.get("/page")
    clock.now += timedelta(seconds=1)
    too_late = await operator.get("/page")

    assert (just_in_time.status_code, too_late.status_code) == (200, 401)


async def test_logging_out_takes_the_cookie_away(operator: httpx.AsyncClient) -> None:
    await operator.post("/log-out")

    assert (await operator.get("/page")).status_code == 401


async def test_a_new_admin_token_ends_every_session(operator: httpx.AsyncClient, clock: Clock) -> None:
    changed = Access(admin_token="another-invented-token", public_url=PUBLIC_URL, clock=clock)
    async with browser(changed, PUBLIC_URL) as client:
        client.cookies = operator.cookies
        answer = await client.get("/page")

    assert answer.status_code == 401


async def test_another_process_with_the_same_token_knows_the_session(operator: httpx.AsyncClient, clock: Clock) -> None:
    other = Access(admin_token=TOKEN, public_url=PUBLIC_URL, clock=clock)
    async with browser(other, PUBLIC_URL) as client:
        client.cookies = operator.cookies
        answer = await client.get("/page")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "spoil", [str.swapcase, lambda value: value[:-1], lambda value: "x" + value, lambda _: "a.b.c"]
)
async def test_a_cookie_that_was_touched_is_no_session(stranger: httpx.AsyncClient, guarded: Access, spoil) -> None:  # type: ignore[no-untyped-def] # a str method or a lambda
    await stranger.post("/log-in", params={"token": TOKEN})
    spoilt = spoil(stranger.cookies["__Host-roundsman"])

    async with browser(guarded, PUBLIC_URL) as client:
        answer = await client.get("/page", headers={"Cookie": f"__Host-roundsman={spoilt}"})

    assert answer.status_code == 401


# Forms


async def test_a_form_of_the_session_comes_in(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/form", params={"form_token": await form_token(operator)})

    assert answer.json() == {"who": "pages"}


async def test_a_form_without_a_session_does_not(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/form", params={"form_token": "anything"})

    assert answer.status_code == 401


async def test_a_form_of_another_session_does_not(operator: httpx.AsyncClient, guarded: Access) -> None:
    async with browser(guarded, PUBLIC_URL) as other:
        await other.post("/log-in", params={"token": TOKEN})
        foreign = await form_token(other)

    answer = await operator.post("/form", params={"form_token": foreign})

    assert answer.status_code == 403
    assert "reload the page and try again" in answer.json()["error"]


@pytest.mark.parametrize("token", ["", "ünlesbar", "x" * 43])
async def test_a_made_up_form_token_does_not(operator: httpx.AsyncClient, token: str) -> None:
    assert (await operator.post("/form", params={"form_token": token})).status_code == 403


async def test_without_an_admin_token_forms_are_bound_to_an_anonymous_session(neighbour: httpx.AsyncClient) -> None:
    token = await form_token(neighbour)

    mine = await neighbour.post("/form", params={"form_token": token})
    neighbour.cookies.clear()
    not_mine = await neighbour.post("/form", params={"form_token": token})

    assert mine.json() == {"who": "loopback"}
    assert not_mine.status_code == 403


# Loopback without an admin token


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.3.2.1:80", "[::1]", "[::1]:8000"])
async def test_without_an_admin_token_this_machine_is_let_in(neighbour: httpx.AsyncClient, host: str) -> None:
    answers = [await neighbour.request(method, "/api", headers={"Host": host}) for method in ("GET", "POST")]

    assert [answer.json() for answer in answers] == [{"who": "loopback"}] * 2


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8000"),
        *("xlocalhost", "10.0.0.1", "127.0.0.1:8000@evil.example", "[::2]", "localhost:", "localhost\n"),
    ],
)
@pytest.mark.parametrize("path", ["/api", "/page", "/log-in?token=x"])
async def test_a_name_of_somebody_else_that_leads_here_is_refused(
    neighbour: httpx.AsyncClient, host: str, path: str
) -> None:
    answer = await neighbour.get(path, headers={"Host": host})

    assert answer.status_code == 403
    assert "set ROUNDSMAN_ADMIN_TOKEN" in answer.json()["error"]


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"])
async def test_what_a_tunnel_passes_on_is_refused_without_an_admin_token(
    neighbour: httpx.AsyncClient, header: str
) -> None:
    answer = await neighbour.get("/api", headers={header: "203.0.113.9"})

    assert answer.status_code == 403


async def test_with_an_admin_token_the_address_does_not_matter(stranger: httpx.AsyncClient) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {TOKEN}"}

    assert (await stranger.get("/api", headers=headers)).status_code == 200


async def test_without_an_admin_token_there_is_nothing_to_log_in_with(neighbour: httpx.AsyncClient) -> None:
    assert (await neighbour.post("/log-in", params={"token": ""})).status_code == 401


# Other sites


ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://ci.example.com.evil.example"},
    {"Origin": "https://ci.example.com:8443"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://ci.example.com", "Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_a_page_of_another_site_can_change_nothing(operator: httpx.AsyncClient, headers: dict[str, str]) -> None:
    token = await form_token(operator)

    answers = [
        await operator.post("/form", params={"form_token": token}, headers=headers),
        await operator.post("/api", headers={**headers, "Authorization": f"Bearer {TOKEN}"}),
        await operator.post("/log-in", params={"token": TOKEN}, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert "a page of another site" in answers[0].json()["error"]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_a_page_of_another_site_may_link_here(operator: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await operator.get("/page", headers=headers)).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
async def test_a_page_open_in_a_local_browser_cannot_use_the_open_api(
    neighbour: httpx.AsyncClient, origin: str
) -> None:
    assert (await neighbour.post("/api", headers={"Origin": origin})).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://ci.example.com", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "HTTPS://CI.example.com"},
        {"Origin": "https://ci.example.com", "Host": "roundsman.internal:8000"},
        {"Origin": "http://roundsman.internal:8000", "Host": "roundsman.internal:8000"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_our_own_pages_and_programs_are_no_other_site(
    stranger: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await stranger.post("/api", headers={**headers, "Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200
