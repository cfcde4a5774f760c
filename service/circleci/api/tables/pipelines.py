"""The endpoints that list pipelines and their workflows."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

PIPELINES: Mapping[str, Endpoint] = {
    "pipelines": Endpoint(
        path="/pipeline",
        purpose="the newest pipelines of an organization, to find missed webhooks at a CircleCI Server",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        operation="listPipelines",
    ),
    "project_pipelines": Endpoint(
        path="/project/{slug}/pipeline",
        purpose="the pipelines of a project, to find missed webhooks",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        operation="listPipelinesForProject",
    ),
    "pipeline_workflows": Endpoint(
        path="/pipeline/{id}/workflow",
        purpose="the workflows of a pipeline, of which a webhook may have been missed",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        operation="listWorkflowsByPipelineId",
    ),
    "search_runs": Endpoint(
        method="POST",
        version="v3",
        path="/runs/search",
        purpose="the pipelines of many projects at once, to find missed webhooks, at circleci.com",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        is_read=True,
        operation="searchRuns",
    ),
}
