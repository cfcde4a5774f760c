"""Routes of the fake CircleCI for OpenTelemetry exporters.

An organization has at most five.

Source: CircleCI docs, "OpenTelemetry integration", and CircleCI's own Terraform provider.
"""

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.organization import ORG_ID
from service.testing.fake_circleci.payloads import Payload
from service.testing.fake_circleci.webhooks import error_response

MAX_OF_ORGANIZATION = 5
MASK = "xxxx"
KNOWN = ("endpoint", "protocol", "insecure", "headers")


class FakeExporters:
    """The exporters of acme.

    registered   by id, with the values of headers as they were sent
    """

    def __init__(self) -> None:
        self.registered: dict[str, Payload] = {}

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{prefix}/otel/exporters", self._list, methods=["GET"]),
            Route(f"{prefix}/otel/exporters", self._create, methods=["POST"]),
            Route(f"{prefix}/otel/exporters/{{id}}", self._delete, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        if "org-id" not in request.query_params:
            return error_response(400, "org-id is required")
        if request.query_params["org-id"] != ORG_ID:
            return error_response(404, "Organization not found")
        return JSONResponse([_masked(one) for one in self.registered.values()])

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if body.get("org_id") != ORG_ID:
            return error_response(404, "Organization not found")
        if not body.get("endpoint") or body.get("protocol") not in {"grpc", "http"}:
            return error_response(400, "Invalid request body.")
        if len(self.registered) >= MAX_OF_ORGANIZATION:
            return error_response(400, f"An organization can have at most {MAX_OF_ORGANIZATION} exporters")
        known = {key: body[key] for key in KNOWN if key in body}
        made = {"id": str(uuid4()), "org_id": ORG_ID, "insecure": False, "headers": {}, **known}
        self.registered[made["id"]] = made
        return JSONResponse(_masked(made), 201)

    async def _delete(self, request: Request) -> Response:
        if self.registered.pop(request.path_params["id"], None) is None:
            return error_response(404, "Exporter not found")
        return Response(status_code=204)


def _masked(exporter: Payload) -> Payload:
    return exporter | {"headers": dict.fromkeys(exporter["headers"], MASK)}
