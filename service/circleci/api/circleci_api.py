"""CircleCI's API as methods, one for each endpoint of ``endpoints``.

Each raises Temporary or Permanent. A method is thin: what its answer means is decided by its caller. An area beside
builds and hooks has a class of its own, which is an attribute here.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from service.circleci.api.actions import ActionsAPI
from service.circleci.api.artifacts import ArtifactsAPI
from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.exporters import ExportersAPI
from service.circleci.api.insights import InsightsAPI
from service.circleci.api.organizations import OrganizationsAPI
from service.circleci.api.pipelines import PipelinesAPI
from service.circleci.api.request import Call
from service.circleci.api.responses import (
    BranchesAnswer,
    BuildAnswer,
    HookShape,
    JobAnswer,
    JobStepsAnswer,
    ListedJob,
    ProjectShape,
    UserShape,
    WorkflowAnswer,
)
from service.circleci.api.schedules import SchedulesAPI
from service.circleci.api.settings import SettingsAPI
from service.circleci.api.transfer import Sink
from service.circleci.api.usage import UsageAPI
from service.circleci.pull_requests import ValuesAnswer
from service.circleci.webhook.payload import PipelineShape

T = TypeVar("T")


class CircleCIAPI:
    """The API of one CircleCI."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.exporters = ExportersAPI(client)
        self.insights = InsightsAPI(client)
        self.organizations = OrganizationsAPI(client)
        self.build_files = ArtifactsAPI(client)
        self.usage = UsageAPI(client)
        self.pipelines = PipelinesAPI(client)
        self.settings = SettingsAPI(client)
        self.actions = ActionsAPI(client)
        self.schedules = SchedulesAPI(client)

    async def me(self) -> UserShape:
        """Return the owner of the token."""
        return await self._client.ask(_call("me"), UserShape)

    async def user(self, user_id: str) -> UserShape:
        """Return a person; callers that ask at once share a call."""
        return await self._client.ask_shared(_call("user", id=user_id), UserShape)

    async def workflow(self, workflow_id: str) -> WorkflowAnswer:
        """Return a workflow; callers that ask at once share a call."""
        return await self._client.ask_shared(_call("workflow", id=workflow_id), WorkflowAnswer)

    async def workflow_jobs(self, workflow_id: str) -> Page[ListedJob]:
        """Return the jobs of a workflow; its pages are read as one."""
        return await self._client.read_list(_call("workflow_jobs", id=workflow_id), ListedJob)

    async def pipeline(self, pipeline_id: str) -> PipelineShape:
        """Return a pipeline; callers that ask at once share a call."""
        return await self._client.ask_shared(_call("pipeline", id=pipeline_id), PipelineShape)

    async def values(self, pipeline_id: str) -> ValuesAnswer:
        """Return the values of a pipeline; callers that ask at once share a call."""
        return await self._client.ask_shared(_call("values", id=pipeline_id), ValuesAnswer)

    async def project(self, slug: str) -> ProjectShape:
        """Return a project."""
        return await self._client.ask(_call("project", slug=slug), ProjectShape)

    async def branches(self, slug: str) -> BranchesAnswer:
        """Return the branches of a project."""
        return await self._client.ask(_call("branches", slug=slug), BranchesAnswer)

    async def job(self, slug: str, number: int) -> JobAnswer:
        """Return a job."""
        return await self._client.ask(_call("job", slug=slug, number=number), JobAnswer)

    def tests(self, slug: str, number: int, read: Callable[[list[dict[str, Any]]], T]) -> AsyncIterator[tuple[T, bool]]:
        """Yield the test results of a job page by page, each with True if it is the last.

        read   makes a page of its items; pure, since it runs in a thread if the answer is large
        """
        return self._client.read_pages(_call("tests", slug=slug, number=number), read)

    async def test_lines(self, job_id: str, sink: Sink) -> None:
        """Give the test results of a job to a sink: a line of JSON for each."""
        await self._client.pour(_call("test_lines", id=job_id), sink)

    async def job_steps(self, job_id: str) -> JobStepsAnswer:
        """Return a job with the steps of its parallel runs."""
        return await self._client.ask(_call("job_steps", id=job_id), JobStepsAnswer)

    async def condensed_log(self, job_id: str, *, execution: int, step: int) -> str:
        """Return the lines of a step's log that matter; raises Permanent if it has none."""
        return await self._client.read_text(_of_step("condensed_log", job_id, execution, step))

    async def log(self, job_id: str, *, execution: int, step: int, start: int = 0) -> str:
        """Return the log of a step from a byte on; raises as the other."""
        return await self._client.read_text(replace(_of_step("log", job_id, execution, step), start=start))

    async def build(self, slug: str, number: int) -> BuildAnswer:
        """Return a job with its steps; ``slug`` begins with github or bitbucket."""
        return await self._client.ask(_call("build", slug=slug, number=number), BuildAnswer)

    async def webhooks(self, project_id: str) -> Page[HookShape]:
        """Return the webhooks of a project; all pages are read as one."""
        call = Call(endpoint=ENDPOINTS["webhooks"], query={"scope-id": project_id, "scope-type": "project"})
        return await self._client.read_list(call, HookShape)

    async def create_webhook(self, body: Mapping[str, object], *, secret: str) -> HookShape:
        """Create a webhook, and return it as CircleCI made it."""
        call = Call(endpoint=ENDPOINTS["create_webhook"], body=body, secret=secret)
        return await self._client.ask(call, HookShape)

    async def update_webhook(
        self, hook_id: str, body: Mapping[str, object], *, secret: str, body_key: str = "signing-secret"
    ) -> HookShape:
        """Change a webhook, and return it as it is now.

        Keys that the body leaves out stay as they are. The secret goes in under ``body_key``.
        """
        call = Call(
            endpoint=ENDPOINTS["update_webhook"], parts={"id": hook_id}, body=body, secret=secret, body_key=body_key
        )
        return await self._client.ask(call, HookShape)

    async def delete_webhook(self, hook_id: str) -> None:
        """Delete a webhook."""
        await self._client.send(_call("delete_webhook", id=hook_id))


def _call(name: str, **parts: str | int) -> Call:
    """Return a call that consists of the parts of its path."""
    return Call(endpoint=ENDPOINTS[name], parts=parts)


def _of_step(name: str, job_id: str, execution: int, step: int) -> Call:
    query = {"filter[execution]": str(execution), "filter[step_num]": str(step)}
    return Call(endpoint=ENDPOINTS[name], parts={"id": job_id}, query=query)
