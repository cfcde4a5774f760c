"""What waits for a person is listed without reading all of it, and never more than was asked for."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from service.db.database import Store
from service.errors import BadRequest
from service.model import Delivery, DeliveryState, Via
from service.operations.dead_letters import list_all_dead_letters, list_dead_letters
from service.store.deliveries import deliveries
from service.web.pages.context import PageLimits
from tests.support.app_fixture import NINE, Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

LONG = b"\xc3\xa4" * 500_000


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store(database_url)
    yield store
    await store.close()


async def bury(store: Store, *bodies: bytes) -> None:
    """Deliveries that were not understood, each a second younger than the one before."""
    dead = [
        Delivery(
            id=(delivery_id := uuid4()),
            source="circleci",
            source_event_id=str(delivery_id),
            via=Via.WEBHOOK,
            received_at=NINE + timedelta(seconds=second),
            headers=(),
            body=body,
            signed=None,
            state=DeliveryState.DEAD,
        )
        for second, body in enumerate(bodies)
    ]
    await store.write(deliveries.keep_many, dead)


async def test_of_a_long_body_only_the_beginning_is_read(store: Store) -> None:
    await bury(store, LONG, b"short")

    [short, long] = (await store.snapshot(list_dead_letters))["deliveries"]

    assert (short["body"], short["body_bytes"]) == ("short", 5)
    assert long["body"] == "ä" * (deliveries.OPENING_BYTES // 2)
    assert long["body_bytes"] == len(LONG)


@pytest.mark.databases("sqlite", "postgres")
async def test_the_newest_are_listed_and_no_more_than_asked_for(store: Store) -> None:
    await bury(store, b"1", b"2", b"3")

    waiting = await store.snapshot(list_dead_letters, limit=2)

    assert [delivery["body"] for delivery in waiting["deliveries"]] == ["3", "2"]
    older = await store.snapshot(list_dead_letters, limit=2, cursor=waiting["next"])
    assert [delivery["body"] for delivery in older["deliveries"]] == ["1"]
    assert older["next"] is None
    assert (await store.snapshot(list_dead_letters, limit=3))["next"] is None


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_limit_out_of_reach_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(BadRequest, match="from 1 to 200"):
        await store.snapshot(list_dead_letters, limit=limit)


async def test_api_lists_dismissed_dead_letters_on_request(instance: Instance) -> None:
    dismissed = (await instance.send(b'{"type": "new", "id": "1"}')).json()["delivery"]
    waiting = (await instance.send(b'{"type": "new", "id": "2"}')).json()["delivery"]
    await instance.drain()
    await instance.act(f"deliveries/{dismissed}/dismiss")

    found = {
        value: await instance.http.get(f"/api/v1/dead-letters?dismissed={value}") for value in ("true", "false", "yes")
    }

    assert [one["id"] for one in found["true"].json()["deliveries"]] == [dismissed]
    assert [one["id"] for one in found["false"].json()["deliveries"]] == [waiting]
    assert (found["yes"].status_code, found["yes"].json()) == (400, {"error": "dismissed must be true or false"})


async def test_an_empty_body_is_listed_like_any_other(instance: Instance) -> None:
    delivery = (await instance.send(b"")).json()["delivery"]
    await instance.drain()

    waiting = await instance.http.get("/api/v1/dead-letters")
    page = await instance.http.get("/dead-letters")
    await instance.act(f"deliveries/{delivery}/dismiss")
    dismissed = await instance.http.get("/api/v1/dead-letters?dismissed=true")

    assert (waiting.status_code, page.status_code, dismissed.status_code) == (200, 200, 200)
    for answer in (waiting, dismissed):
        [listed] = answer.json()["deliveries"]
        assert (listed["id"], listed["body"], listed["body_bytes"]) == (delivery, "", 0)


async def test_the_api_takes_a_limit(instance: Instance) -> None:
    for number in range(3):
        await instance.send(b'{"type": "new", "id": "%d"}' % number)
    await instance.drain()

    some = await instance.http.get("/api/v1/dead-letters?limit=2")
    refused = await instance.http.get("/api/v1/dead-letters?limit=0")

    assert len(some.json()["deliveries"]) == 2
    assert refused.status_code == 400


async def test_a_page_holds_both_kinds_and_the_next_goes_on_where_it_ended(instance: Instance) -> None:
    for number in range(3):
        await instance.send(b'{"type": "new", "id": "%d"}' % number)
    await instance.drain()

    pages: list[Any] = []
    cursor = ""
    while len(pages) < 5:
        pages.append((await instance.http.get(f"/api/v1/dead-letters?limit=2&cursor={cursor}")).json())
        if not (cursor := pages[-1]["next"]):
            break

    assert [len(page["deliveries"]) for page in pages] == [2, 1]
    assert len({one["id"] for page in pages for one in page["deliveries"]}) == 3


async def test_all_dead_letters_are_listed_up_to_a_limit(store: Store) -> None:
    await bury(store, *(b"%d" % number for number in range(401)))

    page = await list_all_dead_letters(store, limit=300)

    assert len(page["deliveries"] + page["notifications"]) == 400
    assert page["next"]


@pytest.mark.parametrize(
    ("query", "words"),
    [("cursor=nonsense", "no cursor"), ("limits=2", "'limits' means nothing here"), ("dismissed=no", "true or false")],
)
async def test_api_refuses_invalid_parameters(instance: Instance, query: str, words: str) -> None:
    refused = await instance.http.get(f"/api/v1/dead-letters?{query}")

    assert (refused.status_code, words in refused.text) == (400, True)


@pytest.mark.limits(pages=PageLimits(dead_letters=2))
async def test_the_page_of_dead_letters_leads_to_older_ones(instance: Instance) -> None:
    for number in range(3):
        await instance.send(b'{"type": "new", "id": "%d"}' % number)
    await instance.drain()

    first = await instance.http.get("/dead-letters")
    [address] = re.findall(r'href="(/dead-letters\?cursor=[^"]+)"', first.text)
    second = await instance.http.get(address)

    assert (first.text.count('<article class="card">'), second.text.count('<article class="card">')) == (2, 1)
    assert 'href="/dead-letters"' in second.text.split('class="paging"')[1]
