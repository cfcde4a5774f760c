"""Every endpoint that an operator's notes of CircleCI's API name is in real use, not a method alone."""

import pytest

from service.circleci.api.endpoints import ENDPOINTS
from tests.support.circleci_uses import uses

ROWS = """
GET /me
GET /me/collaborations
GET /user/{id}
GET /project/{slug}
GET /project/{slug}/pipeline
POST /project/{slug}/pipeline
GET /project/{slug}/pipeline/mine
GET /pipeline
GET /pipeline/{id}/workflow
GET /pipeline/{id}/config
GET /workflow/{id}/job
POST /workflow/{id}/rerun
POST /workflow/{id}/cancel
POST /workflow/{id}/approve/{request_id}
GET /project/{slug}/job/{number}
POST /project/{slug}/job/{number}/cancel
GET /project/{slug}/{number}/tests
GET /project/{slug}/{number}/artifacts
GET /v1.1/project/{slug}/{number}
GET /project/{slug}/schedule
POST /project/{slug}/schedule
GET /schedule/{id}
PATCH /schedule/{id}
DELETE /schedule/{id}
GET /insights/{slug}/workflows
GET /insights/{slug}/workflows/{workflow}
GET /insights/{slug}/workflows/{workflow}/jobs
GET /insights/{slug}/workflows/{workflow}/jobs/{job}
GET /insights/{slug}/workflows/{workflow}/test-metrics
GET /insights/time-series/{slug}/workflows/{workflow}/jobs
GET /insights/{slug}/flaky-tests
GET /insights/{slug}/branches
GET /insights/{org}/summary
GET /webhook
GET /project/{slug}/envvar
GET /project/{slug}/checkout-key
GET /context
GET /context/{id}/environment-variable
POST /organizations/{id}/usage_export_job
GET /organizations/{id}/usage_export_job/{job}
GET /org/{org_id}/oidc-custom-claims
PATCH /org/{org_id}/oidc-custom-claims
DELETE /org/{org_id}/oidc-custom-claims
GET /owner/{owner}/context/{context}/decision
"""
"""The rows, spelled as the table of endpoints has them.

The source of each is CircleCI's public reference of API v2, https://circleci.com/docs/api/v2/, and of v1.1. A single
run of a job's insights has left the reference; a schedule is changed at an address of its own.
"""
CLIENT = "circleci/api/circleci_api"  # it has a method for each, and calls none by itself


@pytest.mark.parametrize("row", ROWS.split("\n")[1:-1])
def test_row_is_called_by_another_module_than_the_client(row: str) -> None:
    [name] = [name for name, endpoint in ENDPOINTS.items() if endpoint.title == row]

    assert set(uses()[name]) - {CLIENT}, f"nothing calls {row}"
