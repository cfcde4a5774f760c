"""The brake on guessing: it closes a door for the one who guesses, and for no other."""

import secrets
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from service.web.auth.guess_limiter import MAX_COUNTS, MAX_GUESSES, GuessLimiter, client_key
from tests.support.app_fixture import Instance, an_instance
from tests.support.auth_fixtures import PUBLIC_URL, Clock, Doors, browser, clock, doors, guarded, operator, stranger
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.raw_client import echoing

__all__ = ["clock", "doors", "guarded", "operator", "stranger"]  # pytest finds fixtures by name

STRONG = "0123456789abcdef" * 4
WAYS = ["api", "pages", "link"]


async def guess(client: httpx.AsyncClient, door: str, word: str) -> httpx.Response:
    match door:
        case "api":
            return await client.get("/api", headers={"Authorization": f"Bearer {word}"})
        case "pages":
            return await client.post("/log-in", params={"token": word})
        case _:
            return await client.get("/link", params={"code": word})


@pytest.mark.parametrize("door", WAYS)
@pytest.mark.parametrize("is_same", [False, True])
async def test_too_many_guesses_are_answered_with_the_seconds_to_wait(
    doors: Doors, clock: Clock, door: str, is_same: bool
) -> None:
    words = ["the-same-again"] * 12 if is_same else [f"guess {number}" for number in range(12)]
    async with browser(doors.made()) as client:
        answers = [await guess(client, door, word) for word in words]
        clock.now += timedelta(seconds=30)
        later = [await guess(client, door, word) for word in (words[-1], words[-1] if is_same else "the last")]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert answers[-1].headers["retry-after"] == "30"
    assert answers[-1].json()["error"] == "too many wrong credentials came from this address; try again in 30 s"
    assert [answer.status_code for answer in later] == [401, 429]
    assert (doors.refused(door, "wrong"), doors.refused(door, "too_many")) == (11, 3)


@pytest.mark.parametrize("door", WAYS)
async def test_each_address_and_each_door_has_its_own_brake(doors: Doors, door: str) -> None:
    access = doors.made()
    async with browser(access) as client, browser(access, client="192.0.2.2") as other:
        for number in range(11):
            await guess(client, door, f"guess {number}")
        there = [(await guess(other, way, ADMIN_TOKEN)).status_code for way in ("api", "pages")]
        here = [(await guess(client, way, ADMIN_TOKEN)).status_code for way in ("api", "pages") if way != door]

    assert there == [200, 200]
    assert set(here) == {200}


@pytest.mark.parametrize("door", ["api", "pages"])
async def test_a_token_that_could_be_guessed_is_not_looked_at_while_its_address_is_braked(
    doors: Doors, clock: Clock, door: str
) -> None:
    async with browser(doors.made()) as client:
        for number in range(11):
            await guess(client, door, f"guess {number}")
        braked = await guess(client, door, ADMIN_TOKEN)
        clock.now += timedelta(seconds=int(braked.headers["retry-after"]))
        later = await guess(client, door, ADMIN_TOKEN)

    assert (braked.status_code, later.status_code) == (429, 200)


@pytest.mark.parametrize("door", ["api", "pages"])
async def test_an_unguessable_token_is_accepted_from_a_limited_address(doors: Doors, door: str) -> None:
    async with browser(doors.made(admin_token=STRONG)) as client:
        for number in range(50):
            await guess(client, door, f"guess {number}")
        wrong, right = await guess(client, door, "one more"), await guess(client, door, STRONG)

    assert (wrong.status_code, right.status_code) == (429, 200)


async def test_a_session_is_never_braked(operator: httpx.AsyncClient) -> None:
    for door in WAYS:
        for number in range(20):
            await guess(operator, door, f"guess {number}")

    assert [(await operator.get(path)).status_code for path in ("/page", "/api")] == [200, 200]


async def test_a_program_with_an_old_token_shuts_out_itself_alone(doors: Doors) -> None:
    async with browser(doors.made()) as client:
        for _ in range(100):
            await guess(client, "api", "the-token-of-last-year")
        old, right = await guess(client, "api", "the-token-of-last-year"), await guess(client, "api", ADMIN_TOKEN)

    assert (old.status_code, right.status_code) == (429, 200)


async def test_what_could_not_be_right_is_no_guess(doors: Doors) -> None:
    async with browser(doors.made()) as client:
        for scheme in ["Basic", "Digest", ""] * 10:
            await client.get("/api", headers={"Authorization": f"{scheme} eA=="})
            await client.get("/api")
        right = await guess(client, "api", ADMIN_TOKEN)

    assert right.status_code == 200
    assert doors.refused("api", "wrong") == 0


async def test_the_log_has_the_address_of_a_guess_and_never_the_guess(doors: Doors) -> None:
    with capture_logs() as lines:
        async with browser(doors.made(), PUBLIC_URL) as client:
            for number in range(12):
                await guess(client, "api", f"a-guess-{number}")

    said = {"event": "login refused", "log_level": "warning", "client": "192.0.2.1", "door": "api"}
    assert lines == [said] * 9 + [{**said, "braked_s": 30}]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("", "192.0.2.1", False),
        ("what-a-proxy-made-up", "and-again", False),
    ],
)
def test_an_ipv6_network_counts_as_one(one: str, other: str, is_same: bool) -> None:
    assert (client_key(one) == client_key(other)) is is_same


@pytest.mark.parametrize("address", ["\udc80", "x" * 10_000, "[::1]", "1.2.3.4:80", "\x00"])
def test_an_address_of_any_shape_is_counted(clock: Clock, address: str) -> None:
    guesses = GuessLimiter(clock)
    for number in range(MAX_GUESSES):
        guesses.add(address, b"%d" % number)

    assert guesses.wait_s(address, b"another") == 30


@pytest.mark.long
def test_what_is_counted_has_a_bound(clock: Clock) -> None:
    guesses = GuessLimiter(clock)
    for number in range(MAX_COUNTS):
        guesses.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", secrets.token_bytes(8))

    assert len(guesses) == MAX_COUNTS


def test_a_clock_that_is_set_back_closes_no_door_for_longer(clock: Clock) -> None:
    guesses = GuessLimiter(clock)
    for number in range(MAX_GUESSES):
        guesses.add("192.0.2.1", b"%d" % number)
    clock.now -= timedelta(days=1)

    assert guesses.wait_s("192.0.2.1", b"another") == 30
    clock.now += timedelta(seconds=30)
    assert guesses.wait_s("192.0.2.1", b"another") == 0


# Behind a proxy


async def tried(url: str, word: str, client: str | None) -> int:
    """Try a token, as a proxy on this machine passes it on for a client."""
    headers = {"Authorization": f"Bearer {word}", **({"X-Forwarded-For": client} if client else {})}
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/api/v1/events", headers=headers)).status_code


@pytest.mark.long
async def test_behind_a_trusted_proxy_the_client_is_braked_and_no_other(instance: Instance) -> None:
    async with echoing(app=instance.service.asgi) as url:
        guessed = [
            await tried(url, f"guess {number}", f"198.51.100.7, 203.0.113.{number}, 192.0.2.1") for number in range(12)
        ]
        right_there = await tried(url, ADMIN_TOKEN, "192.0.2.1")
        elsewhere = [await tried(url, ADMIN_TOKEN, client) for client in ("192.0.2.2", None)]

    assert guessed == [401] * 10 + [429] * 2
    assert (right_there, elsewhere) == (429, [200, 200])


@pytest.mark.long
async def test_a_client_that_makes_up_where_it_came_from_is_braked_all_the_same(instance: Instance) -> None:
    async with echoing(app=instance.service.asgi, trusted_proxies=()) as url:
        guessed = [await tried(url, f"guess {number}", f"192.0.2.{number}") for number in range(12)]

    assert guessed == [401] * 10 + [429] * 2


@pytest.mark.long
async def test_behind_a_proxy_that_hides_addresses_sessions_and_a_long_token_are_accepted(
    folder: Path,
) -> None:
    async with an_instance(folder, ROUNDSMAN_ADMIN_TOKEN=STRONG) as instance, echoing(app=instance.service.asgi) as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.post(f"{url}/login", data={"token": STRONG})
            guessed = [await tried(url, f"guess {number}", None) for number in range(12)]
            for number in range(12):
                await http.post(f"{url}/login", data={"token": f"guess {number}"})
            page = await http.get(f"{url}/dead-letters")
            logged_in = await http.post(f"{url}/login", data={"token": STRONG})
        right = await tried(url, STRONG, None)

    assert guessed == [401] * 10 + [429] * 2
    assert (page.status_code, logged_in.status_code, right) == (200, 303, 200)
