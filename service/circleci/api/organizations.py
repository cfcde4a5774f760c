"""Organizations and their projects: four lists, none of them whole everywhere.

Source: CircleCI API v2 and v1.1 references; of v3 what CircleCI's own clients send and read.
"""

from typing import Annotated

from pydantic import BeforeValidator

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.json_fields import Number, Seconds, Shape, Text, Texts, read_maps

PAGE_SIZE = 50  # of projects in v3; more is refused, not cut


class CollaborationShape(Shape):
    """An organization that the token's owner belongs to; some have no id."""

    id: Text = None
    name: Text = None
    slug: Text = None


class ProjectAttributes(Shape):
    """The attributes of a project in v3: neither a slug nor a repository."""

    name: Text = None


class ListedProject(Shape):
    """A project in the list of an organization."""

    id: Text = None
    attributes: ProjectAttributes = ProjectAttributes()


class OrganizationMetrics(Shape):
    """The figures of an organization or a project."""

    total_runs: Number = None
    total_credits_used: Number = None
    success_rate: Seconds = None


class OrganizationTrends(Shape):
    """The change of figures against the time before, as a factor."""

    total_runs: Seconds = None
    total_credits_used: Seconds = None


class OrganizationData(Shape):
    """The figures of an organization, with their change."""

    metrics: OrganizationMetrics = OrganizationMetrics()
    trends: OrganizationTrends = OrganizationTrends()


class OrganizationProject(Shape):
    """The figures of a project of an organization."""

    project_name: Text = None
    metrics: OrganizationMetrics = OrganizationMetrics()


class OrganizationSummary(Shape):
    """The summary of an organization: names of its projects, and figures."""

    org_data: OrganizationData = OrganizationData()
    org_project_data: Annotated[tuple[OrganizationProject, ...], BeforeValidator(read_maps)] = ()
    all_projects: Texts = ()


class FollowedProject(Shape):
    """A project that the token's owner follows, of API v1.1."""

    vcs_type: Text = None
    vcs_url: Text = None
    username: Text = None
    reponame: Text = None

    @property
    def slug(self) -> str | None:
        """Return its slug; one of the GitHub App or GitLab is read from its address."""
        if self.vcs_type == "circleci":
            parts = (self.vcs_url or "").rstrip("/").split("/")[-2:]
            return f"circleci/{'/'.join(parts)}" if len(parts) == 2 and all(parts) else None
        short = {"github": "gh", "bitbucket": "bb"}.get(self.vcs_type or "")
        return f"{short}/{self.username}/{self.reponame}" if short and self.username and self.reponame else None


class OrganizationsAPI:
    """The endpoints about organizations."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def collaborations(self) -> Page[CollaborationShape]:
        """Return the organizations that the token's owner belongs to."""
        return await self._client.read_list(Call(endpoint=ENDPOINTS["collaborations"]), CollaborationShape)

    async def organization_projects(self, org_id: str) -> Page[ListedProject]:
        """Return the projects of an organization; all pages are read as one."""
        query = {"filter[org_id]": org_id, "page[limit]": str(PAGE_SIZE)}
        return await self._client.read_list(
            Call(endpoint=ENDPOINTS["organization_projects"], query=query), ListedProject
        )

    async def organization_summary(self, org: str) -> OrganizationSummary:
        """Return the summary of an organization, by its slug."""
        call = Call(endpoint=ENDPOINTS["organization_summary"], parts={"org": org})
        return await self._client.ask(call, OrganizationSummary)

    async def followed_projects(self) -> Page[FollowedProject]:
        """Return the followed projects, without their branches.

        Source: CircleCI changelog: v1.1 gives the branches up on 2026-12-07.
        """
        call = Call(endpoint=ENDPOINTS["followed_projects"], query={"shallow": "true"})
        return await self._client.read_list(call, FollowedProject)
