"""Known problems in messages: named, reopened, muted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.operations.incidents.known_problems import FIELDS
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

VOUCHERS = {"pattern": "DID NOT RAISE", "title": "Vouchers <expire> late", "link": "https://tickets.example.com/41"}


async def add(instance: Instance, **fields: Any) -> str:
    response = await instance.http.post("/api/v1/known-problems", json=fields)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def listed(instance: Instance, query: str = "") -> list[Any]:
    items: list[Any] = (await instance.http.get(f"/api/v1/known-problems{query}")).json()["items"]
    return items


async def told(instance: Instance, number: int = RED.number) -> str:
    """The text of the message of another run with the same failures; empty if none is sent."""
    before = len(instance.channels.took)
    await instance.finish(replace(RED, number=number))
    await instance.drain()
    await settle(instance)
    return "\n".join(message.text for _, message in instance.channels.took[before:])


async def settle(instance: Instance) -> None:
    for event in (await instance.http.get("/api/v1/events?limit=5")).json()["items"]:
        if instance.fetches():
            await instance.drain(minutes=3)
        assert event["id"]


async def test_a_message_names_the_known_problem_with_its_link_and_owner(instance: Instance) -> None:
    await add(instance, **VOUCHERS, owner="shop team")

    text = await told(instance)

    assert "Known problem: Vouchers <expire> late" in text
    assert "https://tickets.example.com/41" in text
    assert "shop team has it." in text
    assert "counts as open again" not in text


@pytest.mark.long
async def test_a_closed_one_that_comes_back_is_reopened_and_told_so(instance: Instance) -> None:
    problem = await add(instance, **VOUCHERS, mute=True)
    await instance.act(f"known-problems/{problem}/close")
    assert await listed(instance) == []

    instance.clock.tick(minutes=5)
    text = await told(instance)
    [shown] = await listed(instance)

    assert "It was closed, and is back: it counts as open again." in text
    assert (shown["state"], shown["closed_at"], shown["closed_by"]) == ("open", None, None)
    assert shown["reopened_at"] is not None
    instance.clock.tick(hours=2)
    again = await told(instance, 1500)
    assert "Known problem: Vouchers" in again
    assert "counts as open again" not in again


@pytest.mark.long
async def test_a_run_of_muted_problems_alone_is_not_told_and_says_why(instance: Instance) -> None:
    await add(instance, pattern="*Error*", title="Everything", mute=True)
    await add(instance, pattern="DID NOT RAISE", title="Vouchers", mute=True)
    await add(instance, pattern="assert", title="Sums", mute=True)

    assert await told(instance) == ""
    [dropped] = (await instance.http.get("/api/v1/notifications?state=dropped")).json()["items"]

    assert dropped["reason"].startswith("muted: all of it is a known problem (")
    await instance.act(f"notifications/{dropped['id']}/resend")
    await instance.drain()
    assert len(instance.channels.told) == 1


@pytest.mark.long
async def test_one_failure_that_is_not_known_is_told(instance: Instance) -> None:
    await add(instance, **VOUCHERS, mute=True)

    assert "Known problem: Vouchers" in await told(instance)


@pytest.fixture
async def with_file(folder: Path) -> AsyncIterator[Instance]:
    problems = '- {pattern: "DID NOT RAISE", title: Vouchers, owner: shop, until: 2026-04-01}\n'
    async with an_instance(folder, f"{RED_TO_WEB}known_problems:\n  {problems}") as instance:
        yield instance


@pytest.mark.long
async def test_those_of_the_file_count_too_until_their_day(with_file: Instance) -> None:
    instance = with_file
    assert "Known problem: Vouchers, shop has it." in await told(instance)
    [shown] = await listed(instance)
    assert (shown["source"], shown["until"], shown["added_by"]) == (
        "file",
        "2026-04-01T00:00:00.000Z",
        "roundsman.yaml",
    )

    instance.clock.tick(days=31)
    assert await listed(instance) == []
    assert [one["state"] for one in await listed(instance, "?state=all")] == ["closed"]
    assert "It was closed, and is back" in await told(instance, 1500)


async def test_acts_are_on_record_and_done_once(instance: Instance) -> None:
    problem = await add(instance, **VOUCHERS, until="30d")
    await instance.act(f"known-problems/{problem}/close")
    again = await instance.http.post(f"/api/v1/known-problems/{problem}/close")

    assert (again.status_code, again.json()) == (409, {"error": f"known problem {problem} is closed already"})
    verbs = [verb for (verb,) in instance.rows("SELECT verb FROM actions ORDER BY at, verb")]
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
async def test_a_wrong_request_is_refused_with_the_next_step(instance: Instance, fields: Any, problem: str) -> None:
    response = await instance.http.post("/api/v1/known-problems", json=VOUCHERS | fields)

    assert (response.status_code, response.json()) == (400, {"error": problem})
