"""The read token and signed addresses: what each opens, and that it opens nothing else."""

import base64

import httpx
import pytest

from service.errors import BadRequest
from service.web.auth.signed_addresses import AddressSigner
from tests.support.auth_fixtures import PUBLIC_URL, Doors, browser, clock, doors
from tests.support.operator_client import ADMIN_TOKEN

__all__ = ["clock", "doors"]  # pytest finds fixtures by name

READ_TOKEN = "an-invented-token-that-only-reads-0123"
SIGNER = AddressSigner(READ_TOKEN)
FEED = "/feed.atom?project=gh/acme/web&branch=main"


def reader(doors: Doors, token: str | None = READ_TOKEN) -> httpx.AsyncClient:
    return browser(doors.made(read_token=token), PUBLIC_URL)


def basic(password: str, user: str = "any") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# The read token


@pytest.mark.parametrize("header", [bearer(READ_TOKEN), basic(READ_TOKEN), basic(READ_TOKEN, user="")])
@pytest.mark.parametrize("address", ["/api", "/feed.atom", "/badge/acme/web.svg"])
async def test_read_token_opens_the_api_and_feeds(doors: Doors, header: dict[str, str], address: str) -> None:
    async with reader(doors) as client:
        answer = await client.get(address, headers=header)

    assert answer.json() == {"who": "read token"}


@pytest.mark.parametrize("header", [bearer(READ_TOKEN), basic(READ_TOKEN)])
async def test_read_token_changes_nothing(doors: Doors, header: dict[str, str]) -> None:
    async with reader(doors) as client:
        answer = await client.post("/api", headers=header)

    assert answer.status_code == 403
    assert answer.json()["error"].startswith("the read token only reads, and this needs the role admin")


async def test_read_token_opens_no_page_and_begins_no_session(doors: Doors) -> None:
    async with reader(doors) as client:
        page = await client.get("/page", headers=bearer(READ_TOKEN))
        login = await client.post("/log-in", params={"token": READ_TOKEN})

    assert (page.status_code, login.status_code) == (401, 401)


@pytest.mark.parametrize(
    "header",
    [
        basic(ADMIN_TOKEN),
        basic("", user=READ_TOKEN),
        {"Authorization": "Basic " + base64.b64encode(READ_TOKEN.encode()).decode()},
        {"Authorization": "Basic !"},
        {"Authorization": f"Basic {READ_TOKEN}"},
        bearer(f"any:{READ_TOKEN}"),
        bearer(READ_TOKEN[:-1]),
        bearer(READ_TOKEN.upper()),
    ],
)
async def test_nothing_like_the_read_token_is_accepted(doors: Doors, header: dict[str, str]) -> None:
    async with reader(doors) as client:
        answer = await client.get("/api", headers=header)

    assert answer.status_code == 401
    assert READ_TOKEN not in answer.text


async def test_without_a_read_token_nothing_but_the_admin_token_reads(doors: Doors) -> None:
    async with reader(doors, None) as client:
        answers = [await client.get("/api", headers=header) for header in (bearer(READ_TOKEN), basic(""), bearer(""))]
        admin = await client.get("/feed.atom", headers=bearer(ADMIN_TOKEN))

    assert [answer.status_code for answer in answers] == [401] * 3
    assert admin.json() == {"who": "api token of admin"}


async def test_wrong_read_tokens_are_braked_and_the_right_one_goes_on(doors: Doors) -> None:
    async with reader(doors) as client:
        answers = [await client.get("/api", headers=basic(f"guess {number}")) for number in range(12)]
        right = await client.get("/api", headers=basic(READ_TOKEN))

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert right.status_code == 200


# Tokens in queries


@pytest.mark.parametrize("name", ["key", "token", "access_token", "read_token", "api_key"])
@pytest.mark.parametrize("token", [READ_TOKEN, ADMIN_TOKEN])
@pytest.mark.parametrize("path", ["/api", "/feed.atom", "/cctray.xml", "/page"])
async def test_no_token_is_taken_from_a_query(doors: Doors, name: str, token: str, path: str) -> None:
    async with reader(doors) as client:
        answer = await client.get(path, params={name: token})

    assert answer.status_code == 401


# Signed addresses


@pytest.mark.parametrize(
    "address",
    [
        FEED,
        "/cctray.xml",
        "/board?project=acme/*",
        "/badge/gh/acme/web/build.svg?branch=main",
        "/badge/acme/wéb%20one.svg",
        "/feed.atom?q=a%26b%3Dc&q=d",
        "/feed.atom?branch=",
        "/feed.atom?q=%00%FF",
    ],
)
async def test_signed_address_opens_itself(doors: Doors, address: str) -> None:
    async with reader(doors) as client:
        answer = await client.get(SIGNER.sign(address))

    assert answer.json() == {"who": "signed address"}


async def test_signed_address_is_opened_in_another_spelling(doors: Doors) -> None:
    signed = SIGNER.sign("/feed.atom?project=gh/acme/web&q=a b")

    async with reader(doors) as client:
        answer = await client.get(signed.replace("gh/acme", "gh%2Facme").replace("a+b", "a%20b"))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "other",
    [
        "/feed.atom",
        "/feed.atom?project=gh/acme/web",
        "/feed.atom?project=gh/acme/web&branch=mai",
        "/feed.atom?project=gh/acme/web&branch=main&branch=x",
        "/feed.atom?project=gh/acme/web&branch=main&since=7d",
        "/feed.atom?branch=main&project=gh/acme/web",
        "/cctray.xml?project=gh/acme/web&branch=main",
        "/api?project=gh/acme/web&branch=main",
        "/page?project=gh/acme/web&branch=main",
    ],
)
async def test_key_opens_no_other_address(doors: Doors, other: str) -> None:
    key = SIGNER.sign(FEED).rpartition("key=")[2]

    async with reader(doors) as client:
        answer = await client.get(f"{other}{'&' if '?' in other else '?'}key={key}")

    assert answer.status_code == 401


async def test_two_keys_are_refused_also_with_the_right_one_among_them(doors: Doors) -> None:
    async with reader(doors) as client:
        answer = await client.get(SIGNER.sign(FEED) + "&key=x")

    assert answer.status_code == 401


async def test_new_read_token_ends_signed_addresses(doors: Doors) -> None:
    async with reader(doors, READ_TOKEN + "-new") as client, reader(doors, None) as none:
        answers = [await one.get(SIGNER.sign(FEED)) for one in (client, none)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert "the read token has been replaced since" in answers[0].json()["error"]
    assert "there are no signed addresses: set ROUNDSMAN_READ_TOKEN" in answers[1].json()["error"]


async def test_guessed_keys_are_braked_and_the_right_one_goes_on(doors: Doors) -> None:
    async with reader(doors) as client:
        answers = [await client.get(f"{FEED}&key=guess{number}") for number in range(12)]
        right = await client.get(SIGNER.sign(FEED))

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert right.status_code == 200
    assert (doors.refused("key", "wrong"), doors.refused("key", "too_many")) == (10, 2)


async def test_feed_without_a_credential_asks_for_basic(doors: Doors) -> None:
    async with reader(doors) as client:
        answer = await client.get("/feed.atom")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="Roundsman", charset="UTF-8", Bearer'
    assert answer.json()["error"].endswith("or an address that `roundsman link` prints")


def test_key_tells_nothing_of_the_token_and_is_short() -> None:
    key = SIGNER.sign(FEED).rpartition("key=")[2]

    assert len(key) == 22
    assert SIGNER.sign(SIGNER.sign(FEED)) == SIGNER.sign(FEED)


@pytest.mark.parametrize(
    "address", ["/api/v1/events", "/", "", "feed.atom", "//example.com/x", "/feed.atomx", "http://[", "/badge"]
)
def test_other_addresses_have_no_key(address: str) -> None:
    with pytest.raises(BadRequest, match="can have a key, such as"):
        SIGNER.sign(address)
