"""Usage exports. CircleCI's OpenAPI description lacks them: these are the keys that CircleCI's own clients read."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.clock import now_utc
from service.testing.fake_circleci.organization import ORG_ID, stable_id
from service.testing.fake_circleci.server import FakeCircleCI

EXPORT = {"usage_export_job_id", "state", "start", "end", "download_urls", "error_reason"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "createUsageExport": ("POST", "/organizations/{org_id}/usage_export_job", EXPORT),
    "getUsageExport": ("GET", "/organizations/{org_id}/usage_export_job/{usage_export_job_id}", EXPORT),
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    fake.usage.created.clear()
    now = now_utc()
    return {
        "create_usage_export": api.usage.create_usage_export(ORG_ID, now - timedelta(days=30), now),
        "usage_export": api.usage.usage_export(ORG_ID, stable_id("usage", 0)),
    }
