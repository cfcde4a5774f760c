"""The lists of pipelines and workflows: API v2 as its OpenAPI description says, v3 as CircleCI's own clients do."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import RED

PIPELINE = {
    *("created_at", "errors", "id", "number", "project_slug", "state", "trigger", "trigger_parameters", "updated_at"),
    "vcs",
}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "listPipelines": ("GET", "/pipeline", PIPELINE),
    "listPipelinesForProject": ("GET", "/project/{project-slug}/pipeline", PIPELINE),
    "listWorkflowsByPipelineId": (
        "GET",
        "/pipeline/{pipeline-id}/workflow",
        {
            *("auto_rerun_number", "canceled_by", "created_at", "errored_by", "id", "max_auto_reruns", "name"),
            *("pipeline_id", "pipeline_number", "project_slug", "started_by", "status", "stopped_at", "tag"),
        },
    ),
    "searchRuns": ("POST", "/runs/search", {"data", "page", "id", "attributes", "references"}),
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint."""
    del fake
    since = RED.pushed_at - timedelta(hours=1)
    return {
        "pipelines": api.pipelines.pipelines("gh/acme"),
        "project_pipelines": api.pipelines.project_pipelines(RED.project.slug),
        "pipeline_workflows": api.pipelines.pipeline_workflows(RED.pipeline_id),
        "search_runs": api.pipelines.search_runs([RED.project.id], since, since + timedelta(days=1)),
    }
