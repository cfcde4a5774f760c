"""Routes of the fake CircleCI for the settings that guard builds.

Answers of v2 follow CircleCI's OpenAPI description, those of v3 its own clients; the values of variables are masked.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid3

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.job_routes import v3_error
from service.testing.fake_circleci.organization import Person, Project
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.webhooks import error_response

V2, V3, V1 = "/api/v2", "/api/v3", "/api/v1.1"
LONG_AGO = "2026-01-12T08:00:00.000Z"
CLAIMS = ("audience", "ttl")
SWITCHES = {
    "autocancel_builds": True,
    "build_fork_prs": False,
    "build_prs_only": False,
    "disable_ssh": False,
    "forks_receive_secret_env_vars": False,
    "oss": False,
    "set_github_status": True,
    "setup_workflows": False,
    "write_settings_requires_admin": False,
    "pr_only_branch_overrides": ["main"],
}
V3_SWITCHES = {
    "enable_auto_cancel_redundant_workflows": True,
    "enable_building_fork_prs": False,
    "is_build_prs_only": False,
    "can_pass_secrets_to_fork_pr_jobs": False,
    "is_ssh_disabled": False,
    "is_running_disabled": False,
    "pr_only_branch_overrides": ["main"],
}


class FakeSettings:
    """The settings of the fake CircleCI, open to tests.

    env_vars, checkout_keys   by the slug of their project: names; names with their type
    contexts                  the names of variables by context
    claims                    by ``org`` or the id of a project
    channels                  by the id of their project
    """

    def __init__(self, projects: Mapping[str, Project], owner: Person) -> None:
        self._projects = projects
        self._owner = owner
        self.env_vars: dict[str, list[str]] = {}
        self.checkout_keys: dict[str, dict[str, str]] = {}
        self.contexts: dict[str, list[str]] = {}
        self.claims: dict[str, dict[str, Any]] = {}
        self.switches: dict[str, Any] = dict(SWITCHES)
        self.v3_switches: dict[str, Any] = dict(V3_SWITCHES)
        self.are_policies_on = False
        self.rules: list[str] = []
        self.workspaces: list[str] = []
        self.channels: dict[str, list[str]] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        of_project = f"{V2}/project/{{slug:path}}"
        org, owner = f"{V2}/org/{{org}}", f"{V2}/owner/{{owner}}/context/{{context}}/decision"
        claims = "oidc-custom-claims"
        return [
            Route(f"{of_project}/envvar", self._of_project(self._env_vars)),
            Route(f"{of_project}/checkout-key", self._of_project(self._checkout_keys)),
            Route(f"{of_project}/settings", self._of_project(self._advanced)),
            Route(f"{V2}/context", self._contexts),
            Route(f"{V2}/context/{{id}}/environment-variable", self._context_variables),
            Route(f"{org}/{claims}", self._claims, methods=["GET", "PATCH", "DELETE"]),
            Route(f"{org}/project/{{project}}/{claims}", self._claims, methods=["GET", "PATCH", "DELETE"]),
            Route(f"{owner}/settings", self._decision_settings),
            Route(owner, self._decisions),
            Route(f"{V3}/projects/{{id}}/settings", self._v3_settings),
            Route(f"{V3}/notification/integrations", self._integrations),
            Route(f"{V3}/notification/channel-configs", self._channel_configs),
            Route(f"{V3}/users", self._users),
            Route(f"{V1}/me", self._v1_me),
        ]

    def _of_project(self, answer: Callable[[Request, Project], Response]) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            slug = request.path_params["slug"].replace("github/", "gh/")
            project = self._projects.get(slug)
            return answer(request, project) if project else error_response(404, "Project not found")

        return respond

    def _env_vars(self, request: Request, project: Project) -> Response:
        names = self.env_vars.get(project.slug, [])
        return page(request, [{"name": one, "value": "xxxx1234", "created-at": LONG_AGO} for one in names], size=20)

    def _checkout_keys(self, request: Request, project: Project) -> Response:
        keys = [
            {
                "public-key": f"ssh-ed25519 AAAA {name}",
                "type": kind,
                "fingerprint": f"SHA256:{name}" if request.query_params.get("digest") == "sha256" else "c9:0b:1c",
                "preferred": False,
                "created-at": LONG_AGO,
            }
            for name, kind in self.checkout_keys.get(project.slug, {}).items()
        ]
        return page(request, keys, size=20)

    def _advanced(self, _: Request, _project: Project) -> Response:
        return JSONResponse({"advanced": self.switches})

    async def _contexts(self, request: Request) -> Response:
        if not request.query_params.get("owner-id"):
            return error_response(400, "owner-id or owner-slug is required")
        found = [{"id": context_id(name), "name": name, "created_at": LONG_AGO} for name in self.contexts]
        return page(request, found, size=20)

    async def _context_variables(self, request: Request) -> Response:
        asked = request.path_params["id"]
        name = next((one for one in self.contexts if context_id(one) == asked), None)
        if name is None:
            return error_response(403, "Permission denied.")  # for what is not there, too
        times = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
        found = [{"variable": one, "context_id": asked, **times} for one in self.contexts[name]]
        return page(request, found, size=20)

    async def _claims(self, request: Request) -> Response:
        org, project = request.path_params["org"], request.path_params.get("project")
        kept = self.claims.setdefault(project or "org", {})
        if request.method == "PATCH":
            given = await request.json()
            if not given or given.keys() - set(CLAIMS):
                return JSONResponse({"error": "invalid claims"}, 400)
            kept |= given
        if request.method == "DELETE":
            names = request.query_params.get("claims", "").split(",")
            if not set(names) <= set(CLAIMS):
                return JSONResponse({"error": "invalid claims"}, 400)
            for name in names:
                kept.pop(name, None)
        times = {f"{name}_updated_at": LONG_AGO for name in kept}
        return JSONResponse({**kept, **times, "org_id": org, **({"project_id": project} if project else {})})

    async def _decision_settings(self, _: Request) -> Response:
        return JSONResponse({"enabled": self.are_policies_on})

    async def _decisions(self, request: Request) -> Response:
        decision = {"status": "PASS", "enabled_rules": self.rules}
        entry = {"id": context_id("decision"), "created_at": LONG_AGO, "decision": decision, "time_taken_ms": 3}
        return JSONResponse([entry] if self.rules and not request.query_params.get("offset") else [])

    async def _v3_settings(self, request: Request) -> Response:
        asked = request.path_params["id"]
        if asked not in {project.id for project in self._projects.values()}:
            return v3_error(404, "not_found", "Project not found")
        return JSONResponse({"data": {"id": asked, "attributes": self.v3_switches}})

    async def _integrations(self, request: Request) -> Response:
        if not request.query_params.get("filter[org_id]"):
            return v3_error(400, "validation_error", "filter[org_id] is required")
        found = [{"type": "slack", "workspace_name": name, "status": "active"} for name in self.workspaces]
        return _v3_list([{"id": context_id(str(one)), "attributes": one} for one in found])

    async def _channel_configs(self, request: Request) -> Response:
        if request.query_params.get("filter[scope]") not in {"project", "user"}:
            return v3_error(400, "validation_error", "filter[scope] is required")
        found = [
            {"channel_type": "slack", "channel_name": name, "target": "C01", "is_enabled": True}
            for name in self.channels.get(request.query_params.get("filter[project_id]", ""), [])
        ]
        return _v3_list([{"id": context_id(str(one)), "attributes": one} for one in found])

    async def _users(self, request: Request) -> Response:
        if request.query_params.get("filter[user_id]") != "me":
            return v3_error(400, "validation_error", "filter[user_id] must be me")
        attributes = {"name": self._owner.name, "login": self._owner.login}
        return _v3_list([{"id": self._owner.id, "attributes": attributes}])

    async def _v1_me(self, _: Request) -> Response:
        return JSONResponse({"login": self._owner.login, "name": self._owner.name})


def context_id(name: str) -> str:
    """Return the id of a context, or of another thing with a name."""
    return str(uuid3(NAMESPACE_URL, f"https://acme.example.com/context/{name}"))


def _v3_list(items: list[dict[str, Any]]) -> Response:
    return JSONResponse({"data": items, "page": {"next": None, "prev": None}})
