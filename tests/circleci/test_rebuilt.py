"""Bodies that are built of the API's answers: what they carry and what they leave out."""

import json
from dataclasses import replace
from typing import Any

import pytest

from service.circleci.api.pipelines import ListedWorkflow
from service.circleci.rebuilt import BuiltPipeline, BuiltProject, workflow_body
from service.circleci.webhook.payload import PipelineShape

PROJECT = BuiltProject(id="p", slug="gh/acme/web", name="web", organization="acme", app="https://app.circleci.com")
WORKFLOW = ListedWorkflow(id="w", name="build", status="failed")


def built(project: BuiltProject = PROJECT, **pipeline: object) -> Any:
    """The body of a workflow's end, of a pipeline as the API answers it."""
    of = BuiltPipeline(project=project, pipeline=PipelineShape.model_validate({"number": 7, **pipeline}))
    return json.loads(workflow_body(of, WORKFLOW))


@pytest.mark.parametrize(
    ("said", "trigger"), [("scheduled_pipeline", "schedule"), ("webhook", "webhook"), ("api", "api"), (None, None)]
)
def test_trigger_is_in_the_words_of_webhooks(said: str | None, trigger: str | None) -> None:
    assert built(trigger={"type": said})["pipeline"]["trigger"].get("type") == trigger


def test_fields_that_the_api_leaves_out_are_not_there() -> None:
    assert built(vcs={"branch": "main"})["pipeline"] == {
        "number": 7,
        "trigger": {},
        "vcs": {"branch": "main", "commit": {"author": {}}},
        "trigger_parameters": {},
    }


def test_page_of_the_workflow_is_named_where_the_web_app_is_known() -> None:
    assert built()["workflow"]["url"] == "https://app.circleci.com/pipelines/gh/acme/web/7/workflows/w"
    assert built(replace(PROJECT, app=None))["workflow"]["url"] is None
