"""The API page: every request with its parameters, from the OpenAPI document."""

from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.operations.json_shapes import Json
from service.web.openapi.document import PATH, openapi
from service.web.pages.context import PageContext


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of the API."""
    session = await context.access.require_session(request)
    shown = await context.read(_nothing)
    document = openapi(request.app.routes)
    operations = [
        _operation(path, method, one) for path, some in document["paths"].items() for method, one in some.items()
    ]
    return await context.render_page(
        request, session, "api_reference.html", operations=operations, openapi=PATH, **shown
    )


def _nothing(_transaction: Transaction) -> Json:
    return {}


def _operation(path: str, method: str, one: Json) -> Json:
    """Return what the page shows of an operation."""
    fields = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return {
        "id": one["operationId"],
        "request": f"{method.upper()} {path}",
        "summary": one["summary"],
        "parameters": [parameter for parameter in one["parameters"] if parameter["in"] == "query"],
        "fields": [(name, name in fields.get("required", ())) for name in fields.get("properties", ())],
        "statuses": list(one["responses"]),
    }
