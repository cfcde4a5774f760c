"""Organizations and their projects: four lists, none of them whole everywhere.

Source: CircleCI API v2 and v1.1 references; of v3 what CircleCI's own clients send and read.
"""

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.json_fields import Shape, Text, Texts

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


class OrganizationSummary(Shape):
    """The summary of an organization; only the names of its projects are read."""

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
