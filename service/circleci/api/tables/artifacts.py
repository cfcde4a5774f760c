"""The endpoints that tell what a build ran, and what it left."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

ARTIFACTS: Mapping[str, Endpoint] = {
    "pipeline_config": Endpoint(
        path="/pipeline/{id}/config",
        purpose="the configuration that a pipeline ran, on the page of a build",
        right=Right.READ,
        is_optional=True,
        operation="getPipelineConfigById",
    ),
    "artifacts": Endpoint(
        path="/project/{slug}/{number}/artifacts",
        purpose="the files that a job left, on the page of a build",
        right=Right.READ,
        is_optional=True,
        is_list=True,
        operation="getJobArtifacts",
    ),
}
