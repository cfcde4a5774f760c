"""Acts on builds. ``pipeline/run`` is in CircleCI's description of 2025-10."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing import sample_runs
from service.testing.fake_circleci.organization import JobRun, Run
from service.testing.fake_circleci.responses import approval_request_id
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas.pipelines import PIPELINE
from tests.testing.test_fake_circleci import MONDAY

DONE = {"message"}
STARTED = {"id", "number", "state", "created_at", "message"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "rerunWorkflow": ("POST", "/workflow/{id}/rerun", {"workflow_id"}),
    "cancelWorkflow": ("POST", "/workflow/{id}/cancel", DONE),
    "cancelJobByJobNumber": ("POST", "/project/{project-slug}/job/{job-number}/cancel", DONE),
    "approvePendingApprovalJobById": ("POST", "/workflow/{id}/approve/{approval_request_id}", DONE),
    "triggerPipelineRun": ("POST", "/project/{project-slug}/pipeline/run", STARTED),
    "triggerPipeline": ("POST", "/project/{project-slug}/pipeline", STARTED),
    "listPipelineDefinitions": (
        "GET",
        "/projects/{project_id}/pipeline-definitions",
        {"id", "name", "description", "created_at", "config_source", "checkout_source"},
    ),
    "listMyPipelines": ("GET", "/project/{project-slug}/pipeline/mine", PIPELINE),
}

APPROVAL = JobRun(name="hold", status="on_hold", is_approval=True)


def held(run: Run | None = None) -> Run:
    """Return a run that waits for an approval."""
    run = run or sample_runs.web_main_red(MONDAY)
    return replace(run, number=run.number + 100, workflow="release", status="on_hold", jobs=(*run.jobs[:1], APPROVAL))


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area, after those of ``builds``, which add the red run."""
    red, waiting = sample_runs.web_main_red(MONDAY), held()
    fake.run_finished(waiting)
    slug, number = red.project.slug, red.jobs[0].number
    assert number is not None
    place = {"branch": "main"}
    return {
        "rerun_workflow": api.actions.rerun_workflow(red.workflow_id, from_failed=True),
        "cancel_workflow": api.actions.cancel_workflow(red.workflow_id),
        "cancel_job": api.actions.cancel_job(slug, number),
        "approve_job": api.actions.approve_job(waiting.workflow_id, approval_request_id(waiting, APPROVAL)),
        "run_pipeline": api.actions.run_pipeline(slug, {"config": place, "checkout": place}),
        "trigger_pipeline": api.actions.trigger_pipeline(slug, place),
        "pipeline_definitions": api.actions.pipeline_definitions(red.project.id),
        "own_pipelines": api.actions.own_pipelines(slug),
    }
