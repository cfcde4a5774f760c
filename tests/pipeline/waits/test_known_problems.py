"""Known problems in messages: named, reopened, muted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.operations.incidents.known_problems import FIELDS
from tests.support.app_fixture import RED, RED_TO_WEB, House, a_house

pytestmark = pytest.mark.databases("sqlite", "postgres")

VOUCHERS = {"pattern": "DID NOT RAISE", "title": "Vouchers <expire> late", "link": "https://tickets.example.com/41"}


async def add(house: House, **fields: Any) -> str:
    response = await house.http.post("/api/v1/known-problems", json=fields)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def listed(house: House, query: str = "") -> list[Any]:
    items: list[Any] = (await house.http.get(f"/api/v1/known-problems{query}")).json()["items"]
    return items


async def told(house: House, number: int = RED.number) -> str:
    """The text of the message of another run with the same failures; empty if none is sent."""
    before = len(house.channels.took)
    await house.finish(replace(RED, number=number))
    await house.drain()
    await settle(house)
    return "\n".join(message.text for _, message in house.channels.took[before:])


async def settle(house: House) -> None:
    for event in (await house.http.get("/api/v1/events?limit=5")).json()["items"]:
        if house.fetches():
            await house.drain(minutes=3)
        assert event["id"]


async def test_a_message_names_the_known_problem_with_its_link_and_owner(house: House) -> None:
    await add(house, **VOUCHERS, owner="shop team")

    text = await told(house)

    assert "Known problem: Vouchers <expire> late" in text
    assert "https://tickets.example.com/41" in text
    assert "shop team has it." in text
    assert "counts as open again" not in text


@pytest.mark.long
async def test_a_closed_one_that_comes_back_is_reopened_and_told_so(house: House) -> None:
    problem = await add(house, **VOUCHERS, mute=True)
    await house.act(f"known-problems/{problem}/close")
    assert await listed(house) == []

    house.clock.tick(minutes=5)
    text = await told(house)
    [shown] = await listed(house)

    assert "It was closed, and is back: it counts as open again." in text
    assert (shown["state"], shown["closed_at"], shown["closed_by"]) == ("open", None, None)
    assert shown["reopened_at"] is not None
    house.clock.tick(hours=2)
    again = await told(house, 1500)
    assert "Known problem: Vouchers" in again
    assert "counts as open again" not in again


@pytest.mark.long
async def test_a_run_of_muted_problems_alone_is_not_told_and_says_why(house: House) -> None:
    await add(house, pattern="*Error*", title="Everything", mute=True)
    await add(house, pattern="DID NOT RAISE", title="Vouchers", mute=True)
    await add(house, pattern="assert", title="Sums", mute=True)

    assert await told(house) == ""
    [dropped] = (await house.http.get("/api/v1/notifications?state=dropped")).json()["items"]

    assert dropped["reason"].startswith("muted: all of it is a known problem (")
    await house.act(f"notifications/{dropped['id']}/resend")
    await house.drain()
    assert len(house.channels.told) == 1


@pytest.mark.long
async def test_one_failure_that_is_not_known_is_told(house: House) -> None:
    await add(house, **VOUCHERS, mute=True)

    assert "Known problem: Vouchers" in await told(house)


@pytest.fixture
async def with_file(folder: Path) -> AsyncIterator[House]:
    problems = '- {pattern: "DID NOT RAISE", title: Vouchers, owner: shop, until: 2026-04-01}\n'
    async with a_house(folder, f"{RED_TO_WEB}known_problems:\n  {problems}") as house:
        yield house


@pytest.mark.long
async def test_those_of_the_file_count_too_until_their_day(with_file: House) -> None:
    house = with_file
    assert "Known problem: Vouchers, shop has it." in await told(house)
    [shown] = await listed(house)
    assert (shown["source"], shown["until"], shown["added_by"]) == (
        "file",
        "2026-04-01T00:00:00.000Z",
        "roundsman.yaml",
    )

    house.clock.tick(days=31)
    assert await listed(house) == []
    assert [one["state"] for one in await listed(house, "?state=all")] == ["closed"]
    assert "It was closed, and is back" in await told(house, 1500)


async def test_acts_are_on_record_and_done_once(house: House) -> None:
    problem = await add(house, **VOUCHERS, until="30d")
    await house.act(f"known-problems/{problem}/close")
    again = await house.http.post(f"/api/v1/known-problems/{problem}/close")

    assert (again.status_code, again.json()) == (409, {"error": f"known problem {problem} is closed already"})
    verbs = [verb for (verb,) in house.rows("SELECT verb FROM actions ORDER BY at, verb")]
    assert verbs == ["add", "close"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"title": None}, "title is missing; say what the problem is"),
        ({"pattern": None}, "a known problem has a pattern or a fingerprint, one of the two"),
        ({"fingerprint": "3f2c8a52"}, "a known problem has a pattern or a fingerprint, one of the two"),
        ({"pattern": "*a?b*"}, "pattern needs 4 characters beside wildcards: this one would match anything"),
        (
            {"pattern": None, "fingerprint": "xyz"},
            "fingerprint must be that of a failure, or its first 8 hexadecimal digits or more",
        ),
        ({"link": "javascript:alert(1)"}, "link must be an address that begins with https:// or http://"),
        ({"until": "2020-01-01"}, "until must be later than now: else it is closed at once"),
        ({"mute": "yes"}, "mute must be true or false"),
        ({"owner": 5}, "owner must be a text"),
        ({"titel": "x"}, f"'titel' is no field of a known problem; there are {', '.join(FIELDS)}"),
        ({"title": "x" * 201}, "title may have 200 characters, and has 201; shorten it"),
    ],
)
async def test_a_wrong_request_is_refused_with_the_next_step(house: House, fields: Any, problem: str) -> None:
    response = await house.http.post("/api/v1/known-problems", json=VOUCHERS | fields)

    assert (response.status_code, response.json()) == (400, {"error": problem})
