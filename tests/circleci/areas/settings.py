"""What guards the builds. Of v3, what CircleCI's own clients ask for and read."""

from collections.abc import Awaitable
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.testing.fake_circleci.organization import ORG_ID, WEB
from service.testing.fake_circleci.server import FakeCircleCI
from service.testing.fake_circleci.settings_routes import context_id

CLAIMS = {"audience", "audience_updated_at", "org_id", "project_id", "ttl", "ttl_updated_at"}
V3_LIST = {"data", "page", "id", "attributes", "references"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "listEnvVars": ("GET", "/project/{project-slug}/envvar", {"name", "value", "created-at"}),
    "listCheckoutKeys": (
        "GET",
        "/project/{project-slug}/checkout-key",
        {"public-key", "type", "fingerprint", "preferred", "created-at"},
    ),
    "getProjectSettings": ("GET", "/project/{slug}/settings", {"advanced"}),
    "getProjectSettingsV3": ("GET", "/projects/{id}/settings", {"data"}),
    "listContexts": ("GET", "/context", {"id", "name", "created_at"}),
    "listEnvironmentVariablesFromContext": (
        "GET",
        "/context/{context-id}/environment-variable",
        {"variable", "created_at", "updated_at", "context_id"},
    ),
    "GetOrgClaims": ("GET", "/org/{orgID}/oidc-custom-claims", CLAIMS),
    "PatchOrgClaims": ("PATCH", "/org/{orgID}/oidc-custom-claims", CLAIMS),
    "DeleteOrgClaims": ("DELETE", "/org/{orgID}/oidc-custom-claims", CLAIMS),
    "GetProjectClaims": ("GET", "/org/{orgID}/project/{projectID}/oidc-custom-claims", CLAIMS),
    "PatchProjectClaims": ("PATCH", "/org/{orgID}/project/{projectID}/oidc-custom-claims", CLAIMS),
    "DeleteProjectClaims": ("DELETE", "/org/{orgID}/project/{projectID}/oidc-custom-claims", CLAIMS),
    "GetDecisionSettings": ("GET", "/owner/{ownerID}/context/{context}/decision/settings", {"enabled"}),
    "GetDecisionLogs": (
        "GET",
        "/owner/{ownerID}/context/{context}/decision",
        {"created_at", "decision", "id", "metadata", "policies", "time_taken_ms"},
    ),
    "listNotificationIntegrations": ("GET", "/notification/integrations", V3_LIST),
    "listNotificationChannelConfigs": ("GET", "/notification/channel-configs", V3_LIST),
    "listUsers": ("GET", "/users", V3_LIST),
    "getMe": ("GET", "/me", {"id", "login", "name"}),
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    guards, claims = fake.settings, {"audience": ["acme-deploys"], "ttl": "30m"}
    guards.env_vars[WEB.slug] = ["SENTRY_TOKEN"]
    guards.checkout_keys[WEB.slug] = {"deploy-1": "deploy-key"}
    guards.contexts = {"production": ["AWS_ROLE"]}
    guards.rules, guards.workspaces = ["require_review"], ["acme"]
    guards.channels[WEB.id] = ["builds"]
    settings = api.settings
    return {
        "env_vars": settings.env_vars(WEB.slug),
        "checkout_keys": settings.checkout_keys(WEB.slug),
        "advanced_settings": settings.advanced_settings(WEB.slug),
        "project_settings": settings.project_settings(WEB.id),
        "contexts": settings.contexts(ORG_ID),
        "context_variables": settings.context_variables(context_id("production")),
        "set_org_claims": settings.set_org_claims(ORG_ID, claims),
        "org_claims": settings.org_claims(ORG_ID),
        "clear_org_claims": settings.clear_org_claims(ORG_ID, "audience,ttl"),
        "set_project_claims": settings.set_project_claims(ORG_ID, WEB.id, claims),
        "project_claims": settings.project_claims(ORG_ID, WEB.id),
        "clear_project_claims": settings.clear_project_claims(ORG_ID, WEB.id, "ttl"),
        "decision_settings": settings.decision_settings(ORG_ID),
        "decisions": settings.decisions(ORG_ID),
        "integrations": settings.integrations(ORG_ID),
        "channel_configs": settings.channel_configs(ORG_ID, WEB.id),
        "person_v3": settings.person_v3(),
        "person_v1": settings.person_v1(),
    }
