"""Routes of the fake CircleCI for organizations and their projects.

Source: CircleCI's OpenAPI description of API v2, its documentation of v1.1, and what its own clients read of v3.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.job_routes import V1, V3, v3_error
from service.testing.fake_circleci.organization import ORG, ORG_ID, Project
from service.testing.fake_circleci.payloads import Payload
from service.testing.fake_circleci.webhooks import error_response

V2 = "/api/v2"
MAX_PAGE = 50
BEFORE = "after-"
FIGURES = ("success_rate", "throughput", "total_credits_used", "total_duration_secs", "total_runs")


class FakeOrganizations:
    """The organizations of the token's owner: acme, and a person's own without an id.

    projects     those of acme, by slug
    unfollowed   the slugs of projects that the owner does not follow
    deleted      names that the summary still has, though their projects are gone
    """

    def __init__(self, projects: Mapping[str, Project]) -> None:
        self._projects = projects
        self.unfollowed: set[str] = set()
        self.deleted: tuple[str, ...] = ()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{V2}/me/collaborations", self._collaborations),
            Route(f"{V2}/insights/{{org:path}}/summary", self._summary),
            Route(f"{V3}/projects", self._of_organization),
            Route(f"{V1}/projects", self._followed),
        ]

    def find(self, slug_or_id: str) -> Project | None:
        """Return a project by its slug or its id."""
        found = self._projects.get(slug_or_id)
        return found or next((one for one in self._projects.values() if one.id == slug_or_id), None)

    async def _collaborations(self, _: Request) -> Response:
        avatar = "https://avatars.example.com/acme.png"
        rows = [(ORG_ID, ORG), (None, "ada")]
        return JSONResponse(
            [
                {"id": id_, "vcs-type": "github", "name": name, "avatar_url": avatar, "slug": f"gh/{name}"}
                for id_, name in rows
            ]
        )

    async def _summary(self, request: Request) -> Response:
        if request.path_params["org"] != f"gh/{ORG}":
            return error_response(404, "Organization not found")
        names = [*(project.name for project in self._projects.values()), *self.deleted]
        figures = {"metrics": dict.fromkeys(FIGURES, 0), "trends": dict.fromkeys(FIGURES, 0.0)}
        return JSONResponse({"org_data": figures, "org_project_data": [], "all_projects": sorted(names)})

    async def _of_organization(self, request: Request) -> Response:
        asked = request.query_params
        limit, start = asked.get("page[limit]", "20"), asked.get("page[cursor]", f"{BEFORE}0").removeprefix(BEFORE)
        if "filter[org_id]" not in asked and "filter[slug]" not in asked:
            return v3_error(400, "validation_error", "filter[org_id] is required")
        if not limit.isdecimal() or not 1 <= int(limit) <= MAX_PAGE:
            return v3_error(400, "validation_error", "Invalid page size")
        if asked.get("filter[org_id]") != ORG_ID:
            return v3_error(404, "not_found", "Organization not found")
        end = int(start) + int(limit)
        every = [_listed(project) for project in self._projects.values()]
        page = {"next": f"{BEFORE}{end}" if end < len(every) else None, "prev": None}
        return JSONResponse({"data": every[int(start) : end], "page": page})

    async def _followed(self, request: Request) -> Response:
        followed = [project for slug, project in self._projects.items() if slug not in self.unfollowed]
        is_shallow = request.query_params.get("shallow") == "true"
        return JSONResponse([_followed(project) | ({} if is_shallow else {"branches": {}}) for project in followed])


def _listed(project: Project) -> Payload:
    return {
        "id": project.id,
        "attributes": {"name": project.name},
        "references": {"org": {"id": ORG_ID, "attributes": {"name": ORG}}},
    }


def _followed(project: Project) -> Payload:
    return {
        "vcs_type": "circleci" if project.is_app else "github",
        "vcs_url": f"//circleci.com/{ORG_ID}/{project.id}" if project.is_app else project.repository_url,
        "username": ORG_ID if project.is_app else ORG,
        "reponame": project.id if project.is_app else project.name,
    }
