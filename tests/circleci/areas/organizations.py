"""The endpoints about organizations: their operations, and a call of each."""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing.fake_circleci.organization import ORG_ID
from service.testing.fake_circleci.server import FakeCircleCI

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "getCollaborations": ("GET", "/me/collaborations", {"avatar_url", "id", "name", "slug", "vcs-type"}),
    "listProjects": ("GET", "/projects", {"attributes", "data", "id", "page", "references"}),
    "getOrgSummaryData": ("GET", "/insights/{org-slug}/summary", {"all_projects", "org_data", "org_project_data"}),
    "getProjects": ("GET", "/projects", {"reponame", "username", "vcs_type", "vcs_url"}),
}


def calls(api: CircleCIAPI, _: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of the area."""
    of = api.organizations
    return {
        "collaborations": of.collaborations(),
        "organization_projects": of.organization_projects(ORG_ID),
        "organization_summary": of.organization_summary("gh/acme"),
        "followed_projects": of.followed_projects(),
    }
