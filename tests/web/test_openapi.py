"""The OpenAPI document: it names every route of the API, and answers are as it says."""

from typing import Any

import httpx
import pytest

from service.errors import Permanent
from service.operations.json_shapes import Json
from service.web.openapi.bodies import BODIES
from service.web.openapi.document import ANSWERS, ERRORS, PATH
from service.web.openapi.requests import QUERIES
from tests.support.app_fixture import RED, Instance
from tests.support.cli_reference import every_route
from tests.support.operator_client import ADMIN_TOKEN

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def resolve(document: Json, schema: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def is_a(value: object, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, {"string": str, "object": dict, "array": list}[kind])


def faults(document: Json, schema: Json, value: Any, place: str) -> list[str]:
    """What of a value is not as its schema says: its type, its keys, and so on within."""
    schema = resolve(document, schema)
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(is_a(value, kind) for kind in kinds):
        return [f"{place} is {value!r}, not {kinds}"]
    if isinstance(value, list):
        return (
            [one for item in value for one in faults(document, schema.get("items", {"type": []}), item, place)]
            if ("items" in schema)
            else []
        )
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    missing = [f"{place} lacks {name}" for name in schema["required"] if name not in value]
    within = [
        one
        for name, part in schema["properties"].items()
        if name in value
        for one in faults(document, part, value[name], f"{place}.{name}")
    ]
    return missing + within


@pytest.fixture
async def document(instance: Instance) -> Json:
    answer = await instance.http.get(PATH)
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def test_every_route_of_the_api_has_its_answer_in_the_table() -> None:
    routes = {
        f"{method} {path}" for method, path, _ in every_route() if path.startswith(("/api/v1", "/healthz", "/readyz"))
    }

    assert routes == ANSWERS.keys()
    assert QUERIES.keys() | BODIES.keys() <= routes


def test_document_names_every_operation_once(document: Json) -> None:
    operations = [one for some in document["paths"].values() for one in some.values()]
    ids = [one["operationId"] for one in operations]

    assert document["openapi"] == "3.1.0"
    assert len(set(ids)) == len(ids) == len(ANSWERS)
    assert all(one["summary"] for one in operations)
    assert all(
        parameter["description"] for one in operations for parameter in one["parameters"] if parameter["in"] == "query"
    )


async def test_document_wants_a_credential(instance: Instance) -> None:
    async with instance.stranger() as client:
        assert (await client.get(PATH)).status_code == 401


async def test_answers_are_as_the_document_says(instance: Instance, document: Json) -> None:
    """Call every operation on an instance in which much has happened."""
    ids = await lived_in(instance)
    wrong = []
    for path, some in document["paths"].items():
        for method, operation in some.items():
            answer = await call(instance, method, path, ids)
            described = operation["responses"].get(str(answer.status_code))
            if described is None:
                wrong.append(f"{method} {path} answered {answer.status_code}: {answer.text[:200]}")
                continue
            schema = described["content"]["application/json"]["schema"]
            wrong += faults(document, schema, answer.json(), f"{method} {path}")

    assert wrong == []


async def test_documented_parameters_are_taken_and_others_refused(instance: Instance, document: Json) -> None:
    await lived_in(instance)
    wrong = []
    for path, some in document["paths"].items():
        if "get" not in some or "{id}" in path:
            continue
        for parameter in some["get"]["parameters"]:
            answer = await instance.http.get(path, params={parameter["name"]: example(path, parameter["name"])})
            wrong += [f"{path} {parameter['name']}: {answer.text}"] if answer.status_code != 200 else []
        if some["get"]["parameters"] and path != "/readyz":
            answer = await instance.http.get(path, params={"colour": "red"})
            wrong += [f"{path} takes anything"] if answer.status_code != 400 else []

    assert wrong == []


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer wrong"}, {}])
async def test_errors_are_as_the_document_says(instance: Instance, document: Json, headers: dict[str, str]) -> None:
    async with instance.stranger() as client:
        for path, some in document["paths"].items():
            if path.startswith("/api/") and "get" in some:
                answer = await client.get(path.replace("{id}", UNKNOWN), headers=headers)
                assert answer.status_code in {401, 429}
                assert answer.status_code in ERRORS
                assert faults(document, {"$ref": "#/components/schemas/Error"}, answer.json(), path) == []


async def test_api_page_shows_every_operation(instance: Instance, document: Json) -> None:
    page = await instance.http.get("/api")
    if page.status_code == 401:
        begun = await instance.http.post("/login", data={"token": "an-invented-admin-token"})
        page = await instance.http.get("/api", headers={"Cookie": begun.headers["set-cookie"].partition(";")[0]})

    assert page.status_code == 200
    for path, some in document["paths"].items():
        for method in some:
            assert f"<code>{method.upper()} {path}</code>" in page.text
    assert len(page.content) < 120_000


async def lived_in(instance: Instance) -> dict[str, str]:
    """An instance with an event, a dead notification, a dead delivery, an incident, a silence; the id of each."""
    instance.channels.plan["web (json)"] = [Permanent("the channel is gone")]
    await instance.send(b"{}", secret="another")
    dead = (await instance.send(b'{"type": "something-new"}')).json()["delivery"]
    await instance.finish(RED)
    await instance.drain()
    asked = {"matchers": {"branch": "elsewhere"}, "until": "2h", "comment": "a test"}
    silence = (await instance.http.post("/api/v1/silences", json=asked)).json()["id"]
    problem = (
        await instance.http.post("/api/v1/known-problems", json={"pattern": "no such host", "title": "DNS"})
    ).json()["id"]
    listed = {
        name: (await instance.http.get(f"/api/v1/{name}")).json()["items"]
        for name in ("events", "notifications", "incidents")
    }
    return {name: items[0]["id"] for name, items in listed.items()} | {
        "deliveries": dead,
        "silences": silence,
        "known-problems": problem,
    }


async def call(instance: Instance, method: str, path: str, ids: dict[str, str]) -> httpx.Response:
    kind = path.split("/")[3] if path.startswith("/api/v1/") else ""
    bodies: dict[str, Json] = {
        "/api/v1/silences": {"matchers": {"branch": "x"}, "until": "1h", "comment": "another", "preview": True},
        "/api/v1/known-problems": {"pattern": "connection reset by peer", "title": "network"},
        "/api/v1/incidents/{id}/classify": {"class": "flaky"},
    }
    body = bodies.get(path) if method == "post" else None
    return await instance.http.request(method, path.replace("{id}", ids.get(kind, UNKNOWN)), json=body)


def example(path: str, name: str) -> str:
    known = {"limit": "5", "since": "7d", "until": "now", "dismissed": "true", "event": "ping", "told": "none"}
    known |= {"status": "failed", "check": "database", "by": "Ada", "transition": "broke", "month": "2026-03"}
    known |= {"group_by": "branch"}
    states = {
        "notifications": "sent",
        "incidents": "open",
        "silences": "expired",
        "known-problems": "all",
        "tests": "flaky",
    }
    if name == "state":
        return states[path.rpartition("/")[2]]
    return known.get(name, "" if name == "cursor" else "web")


@pytest.mark.parametrize("query", ["check=", "check=database&check=", "check=%00"])
async def test_readiness_of_an_unknown_check_is_refused(instance: Instance, query: str) -> None:
    answer = await instance.http.get(f"/readyz?{query}")

    assert answer.status_code == 400
    assert "there is no check" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/incidents", "/api/v1/events", "/cctray.xml"])
async def test_parameter_without_a_name_is_refused(instance: Instance, path: str) -> None:
    answer = await instance.http.get(path, params={"": "x"}, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})

    assert answer.status_code == 400
