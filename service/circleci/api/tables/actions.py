"""The endpoints that act on builds: rerun, cancel, approve, trigger."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

ACTIONS: Mapping[str, Endpoint] = {
    "rerun_workflow": Endpoint(
        method="POST",
        path="/workflow/{id}/rerun",
        purpose="run a workflow again, whole or from its failed jobs",
        right=Right.WRITE,
        is_optional=False,
        operation="rerunWorkflow",
    ),
    "cancel_workflow": Endpoint(
        method="POST",
        path="/workflow/{id}/cancel",
        purpose="cancel a workflow",
        right=Right.WRITE,
        is_optional=False,
        operation="cancelWorkflow",
    ),
    "cancel_job": Endpoint(
        method="POST",
        path="/project/{slug}/job/{number}/cancel",
        purpose="cancel a job",
        right=Right.WRITE,
        is_optional=False,
        operation="cancelJobByJobNumber",
    ),
    "approve_job": Endpoint(
        method="POST",
        path="/workflow/{id}/approve/{request_id}",
        purpose="approve a job that waits for it",
        right=Right.WRITE,
        is_optional=False,
        operation="approvePendingApprovalJobById",
    ),
    "run_pipeline": Endpoint(
        method="POST",
        path="/project/{slug}/pipeline/run",
        purpose="start a pipeline",
        right=Right.WRITE,
        is_optional=False,
        operation="triggerPipelineRun",
    ),
    "trigger_pipeline": Endpoint(
        method="POST",
        path="/project/{slug}/pipeline",
        purpose="start a pipeline of GitLab's, or at a CircleCI Server before 4.8",
        right=Right.WRITE,
        is_optional=False,
        operation="triggerPipeline",
    ),
    "pipeline_definitions": Endpoint(
        path="/projects/{project_id}/pipeline-definitions",
        purpose="which of a project's pipelines can be started, where there are several",
        right=Right.READ,
        is_optional=False,
        is_list=True,
        operation="listPipelineDefinitions",
    ),
    "own_pipelines": Endpoint(
        path="/project/{slug}/pipeline/mine",
        purpose="the pipelines of the token's owner: whether one was started, where the answer got lost",
        right=Right.READ,
        is_optional=False,
        is_list=True,
        operation="listMyPipelines",
    ),
}
