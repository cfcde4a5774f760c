"""OpenTelemetry exporters of an organization: list, create, delete.

Source: CircleCI docs, "OpenTelemetry integration", and CircleCI's own Terraform provider. There is no call that changes
one. Values of headers are answered masked, their names as they are.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.json_fields import Flag, Shape, Text


def _names(given: Any) -> tuple[str, ...]:
    """Return the names of headers; their values are masked, and not read at all."""
    return tuple(str(name) for name in given) if isinstance(given, dict) else ()


def _sentences(given: Any) -> tuple[str, ...]:
    """Return the issues of an exporter, of which no shape is documented, as texts."""
    return tuple(str(one)[:200] for one in given[:5]) if isinstance(given, list) else ()


class ExporterShape(Shape):
    """An exporter."""

    id: Text = None
    org_id: Text = None
    endpoint: Text = None
    protocol: Text = None
    insecure: Flag = False
    headers: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    issues: Annotated[tuple[str, ...], BeforeValidator(_sentences)] = ()


class ExportersAPI:
    """The endpoints about exporters."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def exporters(self, org_id: str) -> Page[ExporterShape]:
        """Return the exporters of an organization."""
        return await self._client.read_list(
            Call(endpoint=ENDPOINTS["exporters"], query={"org-id": org_id}), ExporterShape
        )

    async def create_exporter(self, org_id: str, *, endpoint: str, authorization: str) -> ExporterShape:
        """Create an exporter that posts by HTTP with this header, and return it."""
        body = {"org_id": org_id, "endpoint": endpoint, "protocol": "http", "insecure": False}
        call = Call(
            endpoint=ENDPOINTS["create_exporter"],
            body=body,
            secret=authorization,
            body_key="headers/Authorization",
        )
        return await self._client.ask(call, ExporterShape)

    async def delete_exporter(self, exporter_id: str) -> None:
        """Delete an exporter."""
        await self._client.send(Call(endpoint=ENDPOINTS["delete_exporter"], parts={"id": exporter_id}))
