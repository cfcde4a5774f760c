"""Builds: runs, jobs, tests, logs, and people.

Those of API v3 are what CircleCI's own clients ask for and read, those of v1.1 what its documentation shows.
"""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing import sample_runs
from service.testing.fake_circleci.organization import ADA
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas import pipelines
from tests.support.circleci_fixture import with_log
from tests.testing.test_fake_circleci import MONDAY

PERSON = {"id", "login", "name"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    **pipelines.OPERATIONS,
    "getCurrentUser": ("GET", "/me", PERSON),
    "getUser": ("GET", "/user/{id}", PERSON),
    "getWorkflowById": (
        "GET",
        "/workflow/{id}",
        {
            *("canceled_by", "created_at", "errored_by", "id", "name", "pipeline_id", "pipeline_number"),
            *("project_slug", "started_by", "status", "stopped_at", "tag", "auto_rerun_number", "max_auto_reruns"),
        },
    ),
    "listWorkflowJobs": (
        "GET",
        "/workflow/{id}/job",
        {
            *("approval_request_id", "approved_by", "canceled_by", "dependencies", "id", "job_number", "name"),
            *("project_slug", "started_at", "status", "stopped_at", "type"),
        },
    ),
    "getPipelineById": (
        "GET",
        "/pipeline/{pipeline-id}",
        {
            *("created_at", "errors", "id", "number", "project_slug", "state", "trigger", "trigger_parameters"),
            *("updated_at", "vcs"),
        },
    ),
    "getPipelineValuesById": (
        "GET",
        "/pipeline/{pipeline-id}/values",
        {
            *("pipeline.number", "pipeline.git.branch", "pipeline.git.repo_url"),
            *("pipeline.event.context.github.pr_url", "pipeline.event.github.pull_request.number"),
            "pipeline.event.github.pull_request.url",
        },
    ),
    "getProjectBySlug": (
        "GET",
        "/project/{project-slug}",
        {"id", "name", "organization_id", "organization_name", "organization_slug", "slug", "vcs_info"},
    ),
    "getAllInsightsBranches": ("GET", "/insights/{project-slug}/branches", {"branches", "org_id", "project_id"}),
    "getJobDetails": (
        "GET",
        "/project/{project-slug}/job/{job-number}",
        {
            *("contexts", "created_at", "duration", "executor", "latest_workflow", "messages", "name", "number"),
            *("organization", "parallel_runs", "parallelism", "pipeline", "project", "queued_at", "started_at"),
            *("status", "stopped_at", "web_url"),
        },
    ),
    "getTests": (
        "GET",
        "/project/{project-slug}/{job-number}/tests",
        {"classname", "file", "message", "name", "result", "run_time", "source"},
    ),
    "getJobTests": ("GET", "/jobs/{id}/tests", {"classname", "file", "message", "name", "result", "run_time"}),
    "getJob": ("GET", "/jobs/{id}", {"data"}),
    "getJobCondensedStdout": ("GET", "/jobs/{id}/stdout/condensed", set()),
    "getJobStdout": ("GET", "/jobs/{id}/stdout", set()),
    "getBuild": (
        "GET",
        "/project/{slug}/{build_num}",
        {"build_num", "outcome", "status", "steps", "workflows"},
    ),
}

RED = with_log(sample_runs.web_main_red(MONDAY), log="collected\nassert 1 == 2\n", condensed="assert 1 == 2\n")


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    fake.run_finished(RED)
    slug, [job, *_] = RED.project.slug, [one for one in RED.jobs if one.tests]
    assert job.number is not None
    return {
        **pipelines.calls(api, fake),
        "me": api.me(),
        "user": api.user(ADA.id),
        "workflow": api.workflow(RED.workflow_id),
        "workflow_jobs": api.workflow_jobs(RED.workflow_id),
        "pipeline": api.pipeline(RED.pipeline_id),
        "values": api.values(RED.pipeline_id),
        "project": api.project(slug),
        "branches": api.branches(slug),
        "job": api.job(slug, job.number),
        "tests": anext(api.tests(slug, job.number, len)),
        "test_lines": api.test_lines(RED.job_id(job), bool),
        "job_steps": api.job_steps(RED.job_id(job)),
        "condensed_log": api.condensed_log(RED.job_id(job), execution=0, step=103),
        "log": api.log(RED.job_id(job), execution=0, step=103),
        "build": api.build(RED.project.long_slug, job.number),
    }
