"""Acts on builds: rerun, cancel, approve, trigger. Nothing here is repeated.

Source: CircleCI API v2 reference. API v3 calls the keys of a rerun otherwise, and ignores unknown ones: with
``from_failed`` it runs everything again. So v2 is used everywhere.
"""

from collections.abc import Mapping

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.json_fields import Number, Shape, Text, Time


class RerunAnswer(Shape):
    """The answer to a rerun: the new workflow."""

    workflow_id: Text = None


class DoneAnswer(Shape):
    """The answer to a request that CircleCI has taken."""

    message: Text = None


class TriggerAnswer(Shape):
    """The pipeline that was started; without an id none was, and a message says why."""

    id: Text = None
    number: Number = None
    state: Text = None
    message: Text = None


class TriggerOf(Shape):
    """The cause of a pipeline."""

    type: Text = None


class OwnPipelineVcs(Shape):
    """The place in the code that a pipeline runs on."""

    branch: Text = None
    tag: Text = None


class OwnPipeline(Shape):
    """A pipeline of the token's owner."""

    id: Text = None
    number: Number = None
    created_at: Time = None
    trigger: TriggerOf = TriggerOf()
    vcs: OwnPipelineVcs = OwnPipelineVcs()


class PipelineDefinition(Shape):
    """One of the pipelines that a project has; at circleci.com alone."""

    id: Text = None
    name: Text = None
    description: Text = None


class ActionsAPI:
    """The acts on builds of one CircleCI."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def rerun_workflow(self, workflow_id: str, *, from_failed: bool) -> RerunAnswer:
        """Run a workflow again; ``from_failed``: only what failed, and what needs it."""
        body = {"from_failed": True} if from_failed else {}
        call = Call(endpoint=ENDPOINTS["rerun_workflow"], parts={"id": workflow_id}, body=body)
        return await self._client.ask(call, RerunAnswer)

    async def cancel_workflow(self, workflow_id: str) -> DoneAnswer:
        """Cancel a workflow; CircleCI does so after its answer."""
        return await self._client.ask(
            Call(endpoint=ENDPOINTS["cancel_workflow"], parts={"id": workflow_id}), DoneAnswer
        )

    async def cancel_job(self, slug: str, number: int) -> DoneAnswer:
        """Cancel a job."""
        call = Call(endpoint=ENDPOINTS["cancel_job"], parts={"slug": slug, "number": number})
        return await self._client.ask(call, DoneAnswer)

    async def approve_job(self, workflow_id: str, request_id: str) -> DoneAnswer:
        """Approve a job that waits for it, by the id of its approval request."""
        parts = {"id": workflow_id, "request_id": request_id}
        return await self._client.ask(Call(endpoint=ENDPOINTS["approve_job"], parts=parts), DoneAnswer)

    async def run_pipeline(self, slug: str, body: Mapping[str, object]) -> TriggerAnswer:
        """Start a pipeline. An answer without an id: none was started."""
        return await self._client.ask(
            Call(endpoint=ENDPOINTS["run_pipeline"], parts={"slug": slug}, body=body), TriggerAnswer
        )

    async def trigger_pipeline(self, slug: str, body: Mapping[str, object]) -> TriggerAnswer:
        """Start a pipeline in the older way."""
        return await self._client.ask(
            Call(endpoint=ENDPOINTS["trigger_pipeline"], parts={"slug": slug}, body=body), TriggerAnswer
        )

    async def pipeline_definitions(self, project_id: str) -> Page[PipelineDefinition]:
        """Return the pipelines that a project has, by its id."""
        call = Call(endpoint=ENDPOINTS["pipeline_definitions"], parts={"project_id": project_id})
        return await self._client.read_list(call, PipelineDefinition)

    async def own_pipelines(self, slug: str) -> Page[OwnPipeline]:
        """Return the newest pipelines of the token's owner: the first page of the list."""
        call = Call(endpoint=ENDPOINTS["own_pipelines"], parts={"slug": slug})
        async for page in self._client.pages(call, OwnPipeline):
            return page
        return Page(items=(), is_last=True)
