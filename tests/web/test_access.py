"""Tokens, sessions and forms: the credentials that are let in."""

from datetime import timedelta

import httpx
import pytest

from service.web.auth.access import Access
from tests.support.auth_fixtures import PUBLIC_URL, Clock, Doors, browser, clock, doors, guarded, operator, stranger
from tests.support.operator_client import ADMIN_TOKEN as TOKEN

__all__ = ["clock", "doors", "guarded", "operator", "stranger"]  # pytest finds fixtures by name


# The API


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer  "])
async def test_the_admin_token_opens_the_api(stranger: httpx.AsyncClient, method: str, scheme: str) -> None:
    answer = await stranger.request(method, "/api", headers={"Authorization": f"{scheme} {TOKEN}"})

    assert answer.json() == {"who": "api token of admin"}


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


async def test_a_token_beyond_ascii_opens_the_api_when_sent_in_utf8(doors: Doors) -> None:
    token = "schlüssel-für-den-rundgang"
    async with browser(doors.made(admin_token=token, public_url=None)) as client:
        answer = await client.get("/api", headers=[(b"authorization", f"Bearer {token}".encode())])

    assert answer.json() == {"who": "api token of admin"}


async def test_without_a_credential_the_api_says_what_to_send(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/api")

    assert answer.status_code == 401
    assert answer.json()["error"].startswith("the API needs a credential: send Authorization: Bearer")


async def test_who_is_logged_in_may_look_at_the_api_but_change_nothing_there(operator: httpx.AsyncClient) -> None:
    looking, changing = await operator.get("/api"), await operator.post("/api")

    assert looking.json() == {"who": "admin"}
    assert changing.status_code == 401


async def test_a_wrong_token_is_refused_also_with_an_open_session(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/api", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401


# Sessions


async def test_a_page_wants_a_session(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/page", headers={"Authorization": f"Bearer {TOKEN}"})

    assert (answer.status_code, answer.json()) == (401, {"error": "please log in first"})


async def test_logging_in_begins_a_session_that_the_pages_know(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/page")

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "wrong", "schlüssel", TOKEN + " "])
async def test_a_wrong_token_begins_no_session(stranger: httpx.AsyncClient, token: str) -> None:
    answer = await stranger.post("/log-in", params={"token": token})

    assert answer.status_code == 401
    assert answer.json()["error"].startswith("that is not the admin token: it is what ROUNDSMAN_ADMIN_TOKEN was set to")
    assert "set-cookie" not in answer.headers


async def test_behind_https_the_cookie_is_for_this_host_and_tls_alone(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/log-in", params={"token": TOKEN})

    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-roundsman"
    assert attributes.split("; ")[1:] == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax", "Secure"]


async def test_without_https_the_cookie_asks_for_none(doors: Doors) -> None:
    async with browser(doors.made(public_url=None)) as client:
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


async def test_a_new_admin_token_ends_every_session(operator: httpx.AsyncClient, doors: Doors) -> None:
    changed = doors.made(admin_token="another-invented-token")
    async with browser(changed, PUBLIC_URL) as client:
        client.cookies = operator.cookies
        answer = await client.get("/page")

    assert answer.status_code == 401


async def test_another_process_with_the_same_token_knows_the_session(operator: httpx.AsyncClient, doors: Doors) -> None:
    other = doors.made()
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


async def test_a_form_of_a_session_comes_in(operator: httpx.AsyncClient) -> None:
    answer = await operator.post("/form")

    assert answer.json() == {"who": "admin"}


async def test_a_form_without_a_session_does_not(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/form", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 401
