"""Pipelines and their workflows, as the API lists them.

A page is read at a time, so that a long list can be gone on with later.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.json_fields import Number, Shape, Text, Time

RUNS_PAGE = 20  # the most that runs/search answers at once; more is an error


class ListedPipeline(Shape):
    """A pipeline of API v2, which does not say whether it has ended.

    updated_at   not in each answer; that a rerun moves it is not documented
    """

    id: Text = None
    project_slug: Text = None
    number: Number = None
    created_at: Time = None
    updated_at: Time = None


class ListedWorkflow(Shape):
    """A workflow of a pipeline; it has no ``stopped_at`` before its end."""

    id: Text = None
    name: Text = None
    status: Text = None
    created_at: Time = None
    stopped_at: Time = None


class RunAttributes(Shape):
    """The attributes of a run of API v3, which is a pipeline of v2.

    current_outcome   the only word for its outcome, also after its end: a rerun can change it
    """

    number: Number = None
    phase: Text = None
    current_outcome: Text = None
    created_at: Time = None


class Reference(Shape):
    """A thing that another one names by its id."""

    id: Text = None


class RunReferences(Shape):
    """The things that a run of API v3 names."""

    project: Reference = Reference()


class RunShape(Shape):
    """A run of API v3."""

    id: Text = None
    attributes: RunAttributes = RunAttributes()
    references: RunReferences = RunReferences()


class PipelinesAPI:
    """The lists of pipelines and workflows of one CircleCI."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def pipelines(self, org_slug: str, token: str | None = None) -> Page[ListedPipeline]:
        """Return a page of the pipelines of an organization, newest first; at most 250."""
        call = Call(endpoint=ENDPOINTS["pipelines"], query={"org-slug": org_slug})
        return await self._client.read_page(call, ListedPipeline, token)

    async def project_pipelines(self, slug: str, token: str | None = None) -> Page[ListedPipeline]:
        """Return a page of the pipelines of a project, newest first."""
        call = Call(endpoint=ENDPOINTS["project_pipelines"], parts={"slug": slug})
        return await self._client.read_page(call, ListedPipeline, token)

    async def pipeline_workflows(self, pipeline_id: str) -> Page[ListedWorkflow]:
        """Return the workflows of a pipeline; its pages are read as one."""
        call = Call(endpoint=ENDPOINTS["pipeline_workflows"], parts={"id": pipeline_id})
        return await self._client.read_list(call, ListedWorkflow)

    async def search_runs(
        self,
        project_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        matching: str = "",
        token: str | None = None,
    ) -> Page[RunShape]:
        """Return a page of the runs of projects that were created in a span of time.

        matching   a filter in CircleCI's expression language; empty for all
        """
        scope = {"project_ids": list(project_ids), "from": _whole_seconds(since), "to": _whole_seconds(until)}
        body = {"scope": scope, "filter": matching, "page": {"cursor": "", "limit": RUNS_PAGE}}
        return await self._client.read_page(Call(endpoint=ENDPOINTS["search_runs"], body=body), RunShape, token)


def _whole_seconds(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
