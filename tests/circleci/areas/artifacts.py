"""The configuration of pipelines, and the artifacts of jobs."""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing import sample_runs
from service.testing.fake_circleci.server import FakeCircleCI
from tests.testing.test_fake_circleci import MONDAY

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "getPipelineConfigById": (
        "GET",
        "/pipeline/{pipeline-id}/config",
        {"source", "compiled", "setup_config", "compiled_setup_config"},
    ),
    "getJobArtifacts": ("GET", "/project/{project-slug}/{job-number}/artifacts", {"path", "node_index", "url"}),
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    run = sample_runs.web_main_red(MONDAY)
    fake.run_finished(run)
    number = run.jobs[0].number or 0
    return {
        "pipeline_config": api.build_files.pipeline_config(run.pipeline_id),
        "artifacts": api.build_files.artifacts(run.project.slug, number),
    }
