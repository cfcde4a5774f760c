"""What we send to CircleCI's API v2, and what the fake answers, by CircleCI's own description.

The description is a part of the public OpenAPI document of API v2: its license and source stand in it. Where the real
service is known to differ, the difference is listed here with its source.
"""

import json
from typing import Any

from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from service.circleci.api.endpoints import ENDPOINTS
from tests.circleci.exchanges import Exchange, exchanges
from tests.circleci.openapi_subset import SUBSET, without_names

DESCRIPTION = json.loads(SUBSET.read_text(encoding="utf-8"))
REGISTRY: Registry[Any] = Registry().with_resource(
    "urn:circleci", Resource.from_contents(DESCRIPTION, default_specification=DRAFT202012)
)
UNDESCRIBED_QUERY = {"page-token"}  # taken by lists whose description leaves it out. Source: CircleCI's own clients
NEWER = {  # endpoints of v2 that the document of 2024 does not have yet
    "run_pipeline",
    "pipeline_definitions",
    "values",
    "create_usage_export",
    "usage_export",
    "exporters",
    "create_exporter",
    "delete_exporter",
    "job_runs",
}


def operation(exchange: Exchange) -> Any:
    """Return the description of the operation that was called; None: there is none."""
    endpoint = ENDPOINTS[exchange.name]
    if endpoint.version != "v2":
        return None
    for path, operations in DESCRIPTION["paths"].items():
        if without_names(path) == without_names(endpoint.path) and exchange.method.lower() in operations:
            return operations[exchange.method.lower()]
    return None


def problems(schema: Any, value: Any) -> list[str]:
    """Return what is wrong with a value, by its schema."""
    absolute = json.loads(json.dumps(schema).replace('"#/components', '"urn:circleci#/components'))
    validator = OAS30Validator(absolute, registry=REGISTRY)
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(value)]


def resolve(schema: Any) -> Any:
    """Return a schema that a reference leads to."""
    while "$ref" in schema:
        schema = DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def described_keys(value: Any, schema: Any) -> Any:
    """Return a value with its keys as described: the real service writes - as _, and both are right."""
    schema = resolve(schema)
    if isinstance(value, list):
        return [described_keys(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    parts = [schema, *(resolve(part) for part in schema.get("allOf", ()))]
    properties = {name: one for part in parts for name, one in part.get("properties", {}).items()}
    spelled = {name.replace("-", "_"): name for name in properties}
    renamed = {spelled.get(key.replace("-", "_"), key): item for key, item in value.items()}
    return {key: described_keys(item, properties.get(key, {})) for key, item in renamed.items()}


async def test_requests_and_answers_are_as_circleci_describes_them() -> None:
    wrong, described = [], set()
    for exchange in await exchanges():
        if (found := operation(exchange)) is None:
            continue
        described.add(exchange.name)
        wrong += [
            f"{exchange.name}: {one}"
            for one in (*find_wrong_query(exchange, found), *find_wrong_bodies(exchange, found))
        ]

    assert wrong == []
    v2 = {name for name, endpoint in ENDPOINTS.items() if endpoint.version == "v2"}
    assert v2 - described == NEWER


def find_wrong_query(exchange: Exchange, described: Any) -> list[str]:
    """Return what is wrong with the query of a request."""
    known = {one["name"]: one for one in described.get("parameters", ()) if one["in"] == "query"}
    missing = [
        f"the query lacks {name}" for name, one in known.items() if one.get("required") and name not in exchange.query
    ]
    unknown = [f"the query has {name}" for name in exchange.query.keys() - known.keys() - UNDESCRIBED_QUERY]
    return missing + unknown


def find_wrong_bodies(exchange: Exchange, described: Any) -> list[str]:
    """Return what is wrong with the bodies of a request and of its answer."""
    wrong = []
    if exchange.body is not None:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        wrong += [f"the request: {one}" for one in problems(schema, exchange.body)]
        if "properties" in resolve(schema):
            unknown = exchange.body.keys() - resolve(schema)["properties"].keys()
            wrong += [f"the request has {name}" for name in unknown]
    answered = described["responses"].get(str(exchange.status))
    if answered is None:
        return [*wrong, f"answers {exchange.status}, and not {', '.join(described['responses'])}"]
    schema = answered["content"]["application/json"]["schema"]
    return wrong + [f"the answer: {one}" for one in problems(schema, described_keys(exchange.answer, schema))]
