"""Saved views at the wire: made, renamed, shared and removed by API, each seen by those who may."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from service.db.database import Store
from service.model import SavedView
from service.operations import saved_views
from service.operations.saved_views import MAX_OWN, ViewUser
from service.store.people import saved_views as rows
from service.web.auth.access import ADMIN
from tests.support.app_fixture import NINE, Instance
from tests.support.databases import Database
from tests.support.operator_client import ADMIN_TOKEN

VIEWS = "/api/v1/views"
RED_MAIN = {"name": "Red main", "query": "status:failed branch:main since:7d"}
ADA, GRACE = (ViewUser(name=name, may_share=False) for name in ("ada@example.com", "grace@example.com"))


def a_view(owner: str, name: str, *, is_shared: bool = False) -> SavedView:
    return SavedView(id=uuid4(), owner=owner, name=name, query="status:failed", created_at=NINE, is_shared=is_shared)


async def names(instance: Instance) -> list[str]:
    return [one["name"] for one in (await instance.http.get(VIEWS)).json()["items"]]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_view_is_saved_changed_and_removed(instance: Instance) -> None:
    made = await instance.http.post(VIEWS, json=RED_MAIN)
    address = f"{VIEWS}/{made.json()['id']}"
    renamed = await instance.http.patch(address, json={"name": "  Mainline \n reds "})
    narrowed = await instance.http.patch(address, json={"query": "branch:main", "shared": True})
    listed = (await instance.http.get(VIEWS)).json()
    removed = await instance.http.delete(address)
    again = await instance.http.delete(address)

    assert made.status_code == 201
    assert made.json() | RED_MAIN == made.json()
    assert (renamed.json()["name"], renamed.json()["query"]) == ("Mainline reds", RED_MAIN["query"])
    assert (narrowed.json()["shared"], narrowed.json()["query"]) == (True, "branch:main")
    assert listed == {"items": [narrowed.json()], "next": None}
    assert (removed.status_code, again.status_code) == (200, 404)
    assert await names(instance) == []


@pytest.mark.databases("sqlite", "postgres")
async def test_a_name_stands_once_for_a_user_and_once_among_the_shared(instance: Instance) -> None:
    store: Store = instance.service.context.store
    assert (await instance.http.post(VIEWS, json=RED_MAIN)).status_code == 201
    assert await store.write(rows.put, a_view("ada@example.com", "Shared", is_shared=True))
    other = (await instance.http.post(VIEWS, json=RED_MAIN | {"name": "Other"})).json()["id"]

    refused = [
        await instance.http.post(VIEWS, json=RED_MAIN | {"name": "RED MAIN"}),
        await instance.http.patch(f"{VIEWS}/{other}", json={"name": "red main"}),
        await instance.http.post(VIEWS, json=RED_MAIN | {"name": "shared", "shared": True}),
    ]
    own = await instance.http.post(VIEWS, json=RED_MAIN | {"name": "shared"})

    assert [answer.status_code for answer in refused] == [409] * 3
    assert "another view of yours is called 'RED MAIN'; choose another name" in refused[0].text
    assert own.status_code == 201
    assert sorted(await names(instance)) == ["Other", "Red main", "Shared", "shared"]


@pytest.mark.databases("sqlite", "postgres")
async def test_two_who_save_one_name_at_once_save_it_once(instance: Instance) -> None:
    answers = await asyncio.gather(*(instance.http.post(VIEWS, json=RED_MAIN) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_views_of_others_are_not_seen_and_shared_ones_not_changed(instance: Instance) -> None:
    store: Store = instance.service.context.store
    hers, shared = a_view(ADA.name, "hers"), a_view(ADA.name, "for all", is_shared=True)
    for view in (hers, shared):
        await store.write(saved_views.add, view)

    seen = await store.read(saved_views.list_views, GRACE)
    hidden = await instance.http.patch(f"{VIEWS}/{hers.id}", json={"name": "mine"})
    by_operator = await instance.http.patch(f"{VIEWS}/{shared.id}", json={"name": "for each"})
    with pytest.raises(Exception, match="only an operator changes the views that others share"):
        await store.write(saved_views.remove, shared.id, GRACE)
    with pytest.raises(Exception, match="only an operator shares views"):
        saved_views.parse_view(RED_MAIN | {"shared": True}, GRACE, NINE)

    assert [(one["name"], one["may_change"]) for one in seen["items"]] == [("for all", False)]
    assert hidden.status_code == 404
    assert (by_operator.status_code, by_operator.json()["owner"]) == (200, ADA.name)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "name is missing; a view has a name and a query"),
        ({"name": "x"}, "query is missing"),
        (RED_MAIN | {"name": " \n "}, "name is empty"),
        (RED_MAIN | {"query": "   "}, "query is empty"),
        (RED_MAIN | {"name": "x" * 61}, "name may have 60 characters, and has 61; shorten it"),
        (RED_MAIN | {"query": "x" * 1001}, "query may have 1000 characters"),
        (RED_MAIN | {"query": "stauts:failed"}, "did you mean status:?"),
        (RED_MAIN | {"query": "since:someday"}, "'someday' is not a time"),
        (RED_MAIN | {"name": 7}, "name must be a text"),
        (RED_MAIN | {"shared": "yes"}, "shared must be true or false"),
        (RED_MAIN | {"color": "red"}, "'color' is no field of a view; there are name, query, shared"),
    ],
)
async def test_a_wrong_view_is_refused_with_the_next_step(instance: Instance, asked: object, sentence: str) -> None:
    answer = await instance.http.post(VIEWS, json=asked)

    assert (answer.status_code, sentence in answer.json()["error"]) == (400, True), answer.text


async def test_a_user_has_so_many_views_at_most(instance: Instance) -> None:
    store: Store = instance.service.context.store
    for number in range(MAX_OWN):
        await store.write(rows.put, a_view(ADMIN.name, f"view {number}", is_shared=True))

    own = await instance.http.post(VIEWS, json=RED_MAIN)
    with pytest.raises(Exception, match="there are 50 shared views; remove one first"):
        await store.write(saved_views.add, a_view("ada", "one more", is_shared=True))

    assert (own.status_code, own.json()) == (409, {"error": "you have 50 views; remove one first"})


async def test_hostile_names_are_kept_as_they_are(instance: Instance, database: Database) -> None:
    for name in ("<script>alert(1)</script>", "'; DROP TABLE saved_views; --", "\u202eabc", "a\x00b"):
        assert (await instance.http.post(VIEWS, json=RED_MAIN | {"name": name})).status_code == 201

    assert "a\ufffdb" in await names(instance)
    assert database.rows("SELECT count(*) FROM saved_views") == [(4,)]


async def test_only_readers_read_and_only_the_admin_token_writes(instance: Instance) -> None:
    async with instance.stranger() as stranger:
        refused: list[httpx.Response] = [
            await stranger.get(VIEWS),
            await stranger.post(VIEWS, json=RED_MAIN),
            await stranger.patch(f"{VIEWS}/{uuid4()}", json={}),
            await stranger.delete(f"{VIEWS}/{uuid4()}"),
        ]

    assert [answer.status_code for answer in refused] == [401] * 4
    assert ADMIN_TOKEN not in "".join(answer.text for answer in refused)
