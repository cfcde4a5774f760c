"""The endpoints about exporters: their operations, and a call of each."""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing.fake_circleci.organization import ORG_ID
from service.testing.fake_circleci.server import FakeCircleCI

FIELDS = {"endpoint", "headers", "id", "insecure", "issues", "org_id", "protocol"}
OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "listOtelExporters": ("GET", "/otel/exporters", FIELDS),
    "createOtelExporter": ("POST", "/otel/exporters", FIELDS),
    "deleteOtelExporter": ("DELETE", "/otel/exporters/{id}", set()),
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of the area."""
    fake.exporters.registered["old"] = {"id": "old", "endpoint": "otel.example.com:4318", "headers": {}}
    of = api.exporters
    return {
        "exporters": of.exporters(ORG_ID),
        "create_exporter": of.create_exporter(
            ORG_ID, endpoint="https://ci.example.com/otlp/v1/traces", authorization="Bearer example"
        ),
        "delete_exporter": of.delete_exporter("old"),
    }
