"""The endpoints of usage exports: the credits that an organization spent."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

USAGE: Mapping[str, Endpoint] = {
    "create_usage_export": Endpoint(
        method="POST",
        path="/organizations/{id}/usage_export_job",
        purpose="have CircleCI write what an organization used: `roundsman usage`, and once a day for budgets",
        right=Right.ADMIN,
        is_optional=False,
        operation="createUsageExport",
    ),
    "usage_export": Endpoint(
        path="/organizations/{id}/usage_export_job/{job}",
        purpose="the state of such an export, and the addresses of its files",
        right=Right.ADMIN,
        is_optional=False,
        operation="getUsageExport",
    ),
}
