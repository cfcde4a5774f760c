"""The endpoints about organizations and their projects."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right

ORGANIZATIONS: Mapping[str, Endpoint] = {
    "collaborations": Endpoint(
        path="/me/collaborations",
        purpose="the organizations of a pattern under hooks",
        right=Right.PERSON,
        is_optional=False,
        is_list=True,
        is_bare=True,
        operation="getCollaborations",
    ),
    "organization_projects": Endpoint(
        version="v3",
        path="/projects",
        purpose="the projects of an organization, for a pattern under hooks",
        right=Right.READ,
        is_optional=False,
        is_list=True,
        operation="listProjects",
    ),
    "organization_summary": Endpoint(
        path="/insights/{org}/summary",
        purpose="the names of an organization's projects that ran lately, for a pattern under hooks",
        right=Right.READ,
        is_optional=False,
        operation="getOrgSummaryData",
    ),
    "followed_projects": Endpoint(
        version="v1.1",
        path="/projects",
        purpose="the projects that the token's owner follows, for a pattern under hooks",
        right=Right.PERSON,
        is_optional=False,
        is_list=True,
        is_bare=True,
        operation="getProjects",
    ),
}
