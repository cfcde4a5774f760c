"""What one reader was answered is for no other: no cache may keep it, and no browser may guess what it is."""

import re
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.app_fixture import RED, Instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.test_hostile_data import filled_in, routes

ELSEWHERE = "elsewhere.example.com"
LEADING_ELSEWHERE = [
    {"Host": ELSEWHERE},
    {"X-Forwarded-Host": ELSEWHERE, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "444"},
    {"X-Forwarded-Server": ELSEWHERE, "X-Host": ELSEWHERE, "X-Original-Host": ELSEWHERE},
    {"Forwarded": f"host={ELSEWHERE};proto=https", "X-Forwarded-Prefix": f"//{ELSEWHERE}"},
    {"X-Original-URL": f"//{ELSEWHERE}/", "X-Rewrite-URL": f"https://{ELSEWHERE}/"},
    {"Referer": f"https://{ELSEWHERE}//{ELSEWHERE}"},
    {"Referer": f"//{ELSEWHERE}"},
]


def is_private(answer: httpx.Response) -> bool:
    """Tell whether an answer says all that keeps it to the one who asked."""
    headers = answer.headers
    vary = {name.strip().lower() for name in headers.get("vary", "").split(",")}
    assert len(headers.get("vary", "").split(",")) == len(vary)
    kept_by = {"no-store", "private, max-age=60"}  # a reader asks for a feed again and again
    is_kept_to_one = headers.get("cache-control") in kept_by and {"cookie", "authorization"} <= vary
    return is_kept_to_one and headers.get_list("x-content-type-options") == ["nosniff"]


def caller(instance: Instance) -> httpx.AsyncClient:
    """A client to which an error is an answer."""
    transport = httpx.ASGITransport(instance.service.asgi, raise_app_exceptions=False, client=("127.0.0.1", 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


async def log_in(client: httpx.AsyncClient) -> None:
    """Log a client in, for the pages and for the API."""
    await client.post("/login", data={"token": ADMIN_TOKEN})
    client.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"


async def everything(client: httpx.AsyncClient, instance: Instance, ids: list[str]) -> list[httpx.Response]:
    """Call each route in ways that are right and in ways that are wrong."""
    answers = []
    for method, path in sorted(routes(instance), key=lambda route: route[1].startswith("/log")):
        answers += [await client.request(method, filled_in(path, value)) for value in (*ids, "x", "a/b")]
        answers.append(await client.head(filled_in(path, ids[0])))
        queries = ("limit=x&cursor=x", "q=a&q=b", "check=x", "event=x")
        answers += [await client.request(method, f"{filled_in(path, ids[0])}?{query}") for query in queries]
        answers.append(await client.request("PATCH", filled_in(path, ids[0])))
        answers.append(await client.post(filled_in(path, ids[0]), content=b"x" * 20_000))
        answers.append(await client.post(filled_in(path, ids[0]), headers={"Sec-Fetch-Site": "cross-site"}))
        answers.append(await client.get(f"{filled_in(path, ids[0])}/nowhere", headers={"Accept": "text/html"}))
    return answers


@pytest.mark.long
async def test_every_response_is_private(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    dead = (await instance.send(b"{}")).json()["delivery"]
    await instance.drain()
    ids = [event, dead, str(uuid4())]

    async with caller(instance) as stranger, caller(instance) as operator:
        await log_in(operator)
        answers = await everything(operator, instance, ids)
        for number in range(12):
            answers.append(await stranger.post("/login", data={"token": f"guess {number}"}))
            answers.append(await stranger.get(f"/login/guess-{number}"))
            answers.append(await stranger.get("/api/v1/events", headers={"Authorization": f"Bearer guess-{number}"}))
        answers += await everything(stranger, instance, ids)

    assert {200, 202, 303, 400, 401, 403, 404, 405, 409, 413, 429} <= {answer.status_code for answer in answers}
    assert [(one.request.method, one.url, one.status_code) for one in answers if not is_private(one)] == []


@pytest.mark.parametrize("path", ["/builds/", "/api/v1/events/"])
async def test_the_response_to_an_unexpected_error_is_private(instance: Instance, path: str) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    instance.change("UPDATE details SET body = json_object('rounds', 'not a number')")

    async with caller(instance) as operator:
        await log_in(operator)
        answers = [await operator.get(f"{path}{event}", headers={"Accept": kind}) for kind in ("text/html", "*/*")]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert all(map(is_private, answers))


async def test_style_sheets_and_pictures_are_the_same_for_all_and_may_be_kept(instance: Instance) -> None:
    async with caller(instance) as stranger:
        answer, missing = [await stranger.get(f"/static/{name}") for name in ("roundsman.css", "nothing.css")]

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "max-age=600"
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert is_private(missing)


@pytest.mark.long
@pytest.mark.parametrize("headers", LEADING_ELSEWHERE)
@pytest.mark.parametrize("is_logged_in", [True, False])
async def test_no_answer_leads_to_another_host(instance: Instance, headers: dict[str, str], is_logged_in: bool) -> None:
    delivery = (await instance.send(b"{}")).json()["delivery"]
    await instance.drain()

    answers = []
    async with caller(instance) as client:
        pages = [route for route in routes(instance) if not route[1].startswith("/api/")]
        if is_logged_in:
            await log_in(client)
        for method, path in sorted(pages, key=lambda route: route[1].startswith("/log")):
            for address in (filled_in(path, delivery), filled_in(path, str(UUID(int=1))) + "/", f"/{path}"):
                data = {"token": ADMIN_TOKEN} if method == "POST" else None
                answers.append(await client.request(method, address, data=data, headers=headers))

    places = [answer.headers["location"] for answer in answers if "location" in answer.headers]
    assert len(places) >= (3 if is_logged_in else 8)
    assert [place for place in places if not re.fullmatch(r"/(?![/\\]).*", place)] == []
    assert [answer.url for answer in answers if ELSEWHERE in str(answer.headers)] == []
