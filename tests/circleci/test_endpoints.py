"""The table of endpoints: each is called by one method, served by the fake CircleCI, and one of CircleCI's own."""

import inspect
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import httpx
import pytest
from starlette.routing import Route

import service.circleci
from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client, Page, connect
from service.circleci.api.endpoint import Endpoint, Right
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import HookShape, TestShape
from service.circleci.json_fields import Shape
from service.clock import now_utc
from service.errors import Permanent
from service.metrics import Metrics
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci import areas
from tests.support.circleci_uses import uses


def find_methods() -> dict[str, Any]:
    """Return the methods of the API and of its areas, by name."""
    api = CircleCIAPI(Client(None, metrics=Metrics(), clock=now_utc))
    parts = [part for part in vars(api).values() if type(part).__module__.startswith("service.circleci.api.")]
    classes = [CircleCIAPI, *(type(part) for part in parts if not isinstance(part, Client))]
    found = [member for one in classes for member in inspect.getmembers(one, inspect.isfunction)]
    names = [name for name, _ in found if not name.startswith("_")]
    assert len(set(names)) == len(names)
    return {name: function for name, function in found if not name.startswith("_")}


METHODS = find_methods()
OPERATIONS = areas.operations()


def shape_of(name: str) -> type[Shape] | None:
    """Return the shape of an answer, by the type that the endpoint's method returns; of a list that of an item."""
    answer = get_type_hints(METHODS[name])["return"]
    found = next(iter(get_args(answer)), answer) if get_origin(answer) is Page else answer
    return (
        found
        if isinstance(found, type) and issubclass(found, Shape)
        else {"tests": TestShape, "test_lines": TestShape}.get(name)
    )


def without_names(path: str) -> str:
    """Return a path whose parts have no names: CircleCI's description, the fake and we call them differently."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def address(method: str, version: str, path: str) -> tuple[str, str]:
    return method, f"/{version}{without_names(path)}"


ADDRESSES = {name: address(one.method, one.version, one.path) for name, one in ENDPOINTS.items()}
TEXTS = {"condensed_log", "log"}  # endpoints whose answer is no JSON
LINES = {"test_lines"}  # a line of JSON for each item


def test_each_endpoint_is_in_the_table_once() -> None:
    assert len(set(ADDRESSES.values())) == len(ENDPOINTS)
    assert len({one.operation for one in ENDPOINTS.values()}) == len(ENDPOINTS)


def test_each_endpoint_has_one_method_of_its_name_and_the_reverse() -> None:
    assert set(ENDPOINTS) == set(METHODS)


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token="good-token", owner=ADA, projects=PROJECTS)


class Wire(httpx.AsyncBaseTransport):
    """The way to the fake CircleCI; it remembers the fields of each answer, of a list those of its items."""

    def __init__(self, fake: FakeCircleCI) -> None:
        self.fields: dict[str, set[str]] = {}
        self._transport = httpx.ASGITransport(fake.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        body = await response.aread()
        name = name_of(request.method, request.url.path.removeprefix("/api"))
        self.fields[name] = {key for each in maps_in(name, body) for key in each}
        return httpx.Response(response.status_code, headers=response.headers, content=body)


def maps_in(name: str, body: bytes) -> list[dict[str, Any]]:
    if name in TEXTS:
        return []
    if name in LINES:
        return [json.loads(line) for line in body.splitlines()]
    found = json.loads(body or b"{}")  # deletions are answered without a body
    maps: list[dict[str, Any]] = found if isinstance(found, list) else found.get("items", [found])
    return maps


@pytest.mark.long
async def test_each_method_calls_its_endpoint_and_the_fake_answers_as_circleci_does(fake: FakeCircleCI) -> None:
    wire = Wire(fake)
    client = Client(connect("http://ci", "good-token", wire), metrics=Metrics(), clock=now_utc)

    for name, call in areas.calls(CircleCIAPI(client), fake).items():
        await call
        assert name_of_call(fake) == name
    await client.close()

    assert set(wire.fields) == set(ENDPOINTS)
    for name, fields in wire.fields.items():
        assert bool(fields) is (name not in {*TEXTS, "delete_exporter"})
        assert fields <= OPERATIONS[ENDPOINTS[name].operation][2], name


async def test_version_and_limits_of_an_endpoint_hold_for_its_calls() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"data": [{"id": "h"}], "page": {"next": str(len(asked))}})

    endpoint = replace(ENDPOINTS["webhooks"], version="v3", max_pages=2)
    client = Client(connect("http://ci", "good-token", httpx.MockTransport(answer)), metrics=Metrics(), clock=now_utc)

    found = await client.read_list(Call(endpoint=endpoint), HookShape)
    with pytest.raises(Permanent, match="CircleCI's answer to GET /webhook is larger than"):
        await client.read_list(Call(endpoint=replace(endpoint, max_bytes=20)), HookShape)
    await client.close()

    assert (len(found.items), found.is_last) == (2, False)
    assert asked == ["/api/v3/webhook"] * 3


def name_of_call(fake: FakeCircleCI) -> str:
    """Return the endpoint of the last call that was received."""
    call = fake.calls[-1]
    return name_of(call.method, f"/{call.version}{call.path}")


def name_of(method: str, path: str) -> str:
    """Return the endpoint of a call, by its path from the version on."""
    [name] = [name for name, endpoint in ENDPOINTS.items() if method == endpoint.method and fits(path, endpoint)]
    return name


def fits(path: str, endpoint: Endpoint) -> bool:
    pattern = f"/{re.escape(endpoint.version)}{endpoint.path}"
    for name, part in {"{slug}": "[^/]+/[^/]+/[^/]+", "{org}": "[^/]+/[^/]+", "{number}": "[0-9]+"}.items():
        pattern = pattern.replace(name, part)
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) is not None


def test_the_fake_circleci_serves_the_endpoints_of_the_table_and_no_other(fake: FakeCircleCI) -> None:
    routes = [route for route in fake.app.routes if isinstance(route, Route)]
    served = {
        (method, without_names(route.path.removeprefix("/api")))
        for route in routes
        if route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert len(routes) == len(fake.app.routes)
    assert {route.path for route in routes if not route.path.startswith("/api/")} == {
        "/storage/{id}",
        "/storage/usage/{id}/{part:int}",
    }
    assert served == set(ADDRESSES.values())


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_endpoint_is_an_operation_of_circleci_and_we_read_fields_that_it_has(name: str) -> None:
    method, path, fields = OPERATIONS[ENDPOINTS[name].operation]

    assert ADDRESSES[name] == address(method, ENDPOINTS[name].version, path)
    if shape := shape_of(name):
        assert {field.alias or key for key, field in shape.model_fields.items()} <= fields


def test_all_answers_have_a_shape_but_those_that_are_not_read() -> None:
    assert {name for name in ENDPOINTS if shape_of(name) is None} == {
        *TEXTS,
        "delete_schedule",
        "delete_webhook",
        "delete_exporter",
    }


def test_no_operation_is_described_that_is_not_called() -> None:
    assert set(OPERATIONS) == {endpoint.operation for endpoint in ENDPOINTS.values()}


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_a_forbidden_call_names_the_right_that_it_needs(name: str) -> None:
    call = Call(endpoint=ENDPOINTS[name])
    wire = httpx.MockTransport(lambda _: httpx.Response(403))
    client = Client(connect("http://ci", "good-token", wire), metrics=Metrics(), clock=now_utc)
    parts = dict.fromkeys(re.findall(r"{(\w+)}", call.endpoint.path), "x")

    with pytest.raises(Permanent, match=re.escape(f"403 to {ENDPOINTS[name]}: ")) as refused:
        await client.send(replace(call, parts=parts))
    await client.close()

    assert ("organization admin" in str(refused.value)) is (ENDPOINTS[name].right is Right.ADMIN)
    is_of_person = ENDPOINTS[name].right is Right.PERSON and not ENDPOINTS[name].is_optional
    assert ("personal token" in str(refused.value)) is is_of_person
    assert ("may not do this" in str(refused.value)) is (call.method != "GET")


def test_paths_of_the_api_occur_in_the_tables_alone() -> None:
    first = {endpoint.path.split("/")[1] for endpoint in ENDPOINTS.values()}
    path = re.compile(rf"/({'|'.join(sorted(first))})\b(?!\.py)")
    folder = Path(service.circleci.__path__[0])
    found = {
        str(module.relative_to(folder))
        for module in folder.rglob("*.py")
        if path.search(module.read_text(encoding="utf-8"))
    }

    assert {one for one in found if not one.startswith("api/tables/")} == {"links.py"}  # the page of a job has one too


@pytest.mark.long
def test_each_endpoint_is_used_and_not_only_a_method() -> None:
    assert [name for name in ENDPOINTS if not uses()[name]] == []
