"""The endpoints that manage OpenTelemetry exporters: of the cloud alone."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

EXPORTERS: Mapping[str, Endpoint] = {
    "exporters": Endpoint(
        path="/otel/exporters",
        purpose="the OpenTelemetry exporters of an organization",
        right=Right.ADMIN,
        is_optional=False,
        is_list=True,
        is_bare=True,
        operation="listOtelExporters",
    ),
    "create_exporter": Endpoint(
        method="POST",
        path="/otel/exporters",
        purpose="register our receiver of spans at an organization",
        right=Right.ADMIN,
        is_optional=False,
        operation="createOtelExporter",
    ),
    "delete_exporter": Endpoint(
        method="DELETE",
        path="/otel/exporters/{id}",
        purpose="delete an exporter of ours that another one replaced",
        right=Right.ADMIN,
        is_optional=False,
        operation="deleteOtelExporter",
    ),
}
