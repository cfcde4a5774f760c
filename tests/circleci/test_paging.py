"""Lists of API v3 and of arrays: their pages, their end, and what is sent for the next one."""

import json
from typing import Any

import httpx
import pytest

from service.circleci.api.client import Client, connect
from service.circleci.api.endpoint import Endpoint, Right
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.clock import now_utc
from service.errors import Permanent, Temporary
from service.metrics import Metrics


def endpoint(**parts: Any) -> Endpoint:
    return Endpoint(path="/things", purpose="test", right=Right.READ, is_optional=True, operation="op", **parts)


GET_V3, POST_V3 = (endpoint(version="v3", is_list=True, method=method) for method in ("GET", "POST"))
BARE = endpoint(is_list=True, is_bare=True)


class Pages:
    """CircleCI's end: gives its answers in turn, and keeps the requests."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(200, json=self.answers.pop(0))

    async def read(self, call: Call) -> list[str | None]:
        """Return the ids of all items."""
        client = Client(connect("http://ci", "a-token", httpx.MockTransport(self)), metrics=Metrics(), clock=now_utc)
        try:
            return [item.id for item in (await client.read_list(call, UserShape)).items]
        finally:
            await client.close()


def page(*ids: str, **after: object) -> dict[str, object]:
    return {"data": [{"id": one} for one in ids], **after}


@pytest.mark.parametrize("end", [{}, {"page": {"next": None}}, {"page": {"next": ""}}, {"page": None}, {"page": []}])
async def test_a_list_of_v3_ends_where_no_cursor_is(end: dict[str, object]) -> None:
    pages = Pages(page("a", page={"next": "c/1&=", "prev": None}), page("b", **end))

    assert await pages.read(Call(endpoint=GET_V3, query={"filter[org_id]": "x"})) == ["a", "b"]

    assert dict(pages.asked[1].url.params) == {"filter[org_id]": "x", "page[cursor]": "c/1&="}


async def test_a_search_of_v3_has_its_cursor_in_the_body() -> None:
    pages = Pages(page("a", page={"next": "c1"}), page("b"))
    body = {"filter": "", "page": {"cursor": "", "limit": 20}}

    assert await pages.read(Call(endpoint=POST_V3, body=body)) == ["a", "b"]

    assert [json.loads(request.content)["page"] for request in pages.asked] == [
        {"cursor": "", "limit": 20},
        {"cursor": "c1", "limit": 20},
    ]


async def test_an_empty_page_ends_a_list_of_v3_though_it_has_a_cursor() -> None:
    pages = Pages(page("a", page={"next": "c1"}), page(page={"next": "c2"}))

    assert await pages.read(Call(endpoint=GET_V3)) == ["a"]


async def test_a_cursor_that_comes_back_ends_the_reading() -> None:
    pages = Pages(page("a", page={"next": "c1"}), page("b", page={"next": "c1"}))

    assert await pages.read(Call(endpoint=GET_V3)) == ["a", "b"]


async def test_an_array_is_a_whole_list() -> None:
    assert await Pages([{"id": "a"}, 7, {"id": "b"}]).read(Call(endpoint=BARE)) == ["a", "b"]


@pytest.mark.parametrize("answer", [{"items": "no"}, {}, {"data": {}}])
async def test_what_is_no_list_is_not_taken_for_an_empty_one(answer: object) -> None:
    with pytest.raises(Permanent, match="is not a list"):
        await Pages(answer).read(Call(endpoint=GET_V3))


async def test_an_array_is_no_answer_where_an_object_is_due() -> None:
    with pytest.raises(Temporary, match="not an object"):
        await Pages([{"id": "a"}]).read(Call(endpoint=endpoint(is_list=True)))
