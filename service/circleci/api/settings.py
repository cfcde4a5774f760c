"""Methods for the settings that guard builds; values of variables are never read."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from service.circleci.api.client import Client, Page
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.circleci.json_fields import Flag, Shape, Text, Texts, read_texts

POLICY_CONTEXT = "config"  # the only one there is. Source: CircleCI docs, "Config policy management"


def read_switches(value: object) -> dict[str, str]:
    """Return the switches of a map as on or off, and its lists as one text."""
    if not isinstance(value, dict):
        return {}
    known = {name.replace("-", "_"): item for name, item in value.items()}
    flags = {name: "on" if item else "off" for name, item in known.items() if isinstance(item, bool)}
    return flags | {name: ", ".join(sorted(read_texts(item))) for name, item in known.items() if isinstance(item, list)}


Switches = Annotated[dict[str, str], BeforeValidator(read_switches)]


class NamedShape(Shape):
    """An environment variable of a project; its masked value is not read."""

    name: Text = None


class CheckoutKeyShape(Shape):
    """A checkout key, without the key itself."""

    type: Text = None
    fingerprint: Text = None
    preferred: Flag = False


class ContextShape(Shape):
    """A context."""

    id: Text = None
    name: Text = None


class ContextVariableShape(Shape):
    """An environment variable of a context; ``updated_at`` tells of a new value."""

    variable: Text = None
    updated_at: Text = None


class AdvancedShape(Shape):
    """The advanced settings of a project."""

    advanced: Switches = Field(default_factory=dict)


class SettingsAttributes(Shape):
    """The attributes of API v3 that are read of settings and notifications."""

    name: Text = None
    type: Text = None
    workspace_name: Text = None
    status: Text = None
    channel_type: Text = None
    channel_name: Text = None
    is_enabled: Flag = False


class SettingsItem(Shape):
    """A thing of API v3."""

    id: Text = None
    attributes: SettingsAttributes = SettingsAttributes()


def read_project_switches(value: object) -> dict[str, str]:
    """Return the switches in the attributes of a thing of API v3."""
    return read_switches(value.get("attributes")) if isinstance(value, dict) else {}


class ProjectSettingsShape(Shape):
    """The settings of a project in API v3: its switches."""

    data: Annotated[dict[str, str], BeforeValidator(read_project_switches)] = Field(default_factory=dict)


class ClaimsShape(Shape):
    """The claims of OIDC tokens that differ from CircleCI's own."""

    audience: Texts = ()
    ttl: Text = None


class DecisionSettingsShape(Shape):
    """Whether policies are enforced."""

    enabled: Flag = False


class DecisionRules(Shape):
    """The rules of a decision."""

    enabled_rules: Texts = ()
    status: Text = None


class DecisionShape(Shape):
    """A decision about a config."""

    id: Text = None
    created_at: Text = None
    decision: DecisionRules = DecisionRules()


class SettingsAPI:
    """The settings of one CircleCI."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def env_vars(self, slug: str) -> Page[NamedShape]:
        """Return the environment variables of a project by name."""
        return await self._client.read_list(_call("env_vars", slug=slug), NamedShape)

    async def checkout_keys(self, slug: str) -> Page[CheckoutKeyShape]:
        """Return the checkout keys of a project, with SHA-256 fingerprints."""
        call = Call(endpoint=ENDPOINTS["checkout_keys"], parts={"slug": slug}, query={"digest": "sha256"})
        return await self._client.read_list(call, CheckoutKeyShape)

    async def advanced_settings(self, slug: str) -> AdvancedShape:
        """Return the advanced settings of a project, by v2."""
        return await self._client.ask(_call("advanced_settings", slug=slug), AdvancedShape)

    async def project_settings(self, project_id: str) -> ProjectSettingsShape:
        """Return the advanced settings of a project, by v3."""
        return await self._client.ask(_call("project_settings", id=project_id), ProjectSettingsShape)

    async def contexts(self, org_id: str) -> Page[ContextShape]:
        """Return the contexts of an organization."""
        call = Call(endpoint=ENDPOINTS["contexts"], query={"owner-id": org_id})
        return await self._client.read_list(call, ContextShape)

    async def context_variables(self, context_id: str) -> Page[ContextVariableShape]:
        """Return the environment variables of a context by name."""
        return await self._client.read_list(_call("context_variables", id=context_id), ContextVariableShape)

    async def org_claims(self, org_id: str) -> ClaimsShape:
        """Return the claims of an organization."""
        return await self._client.ask(_call("org_claims", org_id=org_id), ClaimsShape)

    async def set_org_claims(self, org_id: str, claims: dict[str, Any]) -> ClaimsShape:
        """Set claims of an organization; those left out stay."""
        return await self._client.ask(_writing("set_org_claims", claims, org_id=org_id), ClaimsShape)

    async def clear_org_claims(self, org_id: str, names: str) -> ClaimsShape:
        """Set claims of an organization back; ``names`` has commas between them."""
        return await self._client.ask(_clearing("clear_org_claims", names, org_id=org_id), ClaimsShape)

    async def project_claims(self, org_id: str, project_id: str) -> ClaimsShape:
        """Return the claims of a project."""
        return await self._client.ask(_call("project_claims", org_id=org_id, project_id=project_id), ClaimsShape)

    async def set_project_claims(self, org_id: str, project_id: str, claims: dict[str, Any]) -> ClaimsShape:
        """Set claims of a project; those left out stay."""
        call = _writing("set_project_claims", claims, org_id=org_id, project_id=project_id)
        return await self._client.ask(call, ClaimsShape)

    async def clear_project_claims(self, org_id: str, project_id: str, names: str) -> ClaimsShape:
        """Set claims of a project back; ``names`` has commas between them."""
        call = _clearing("clear_project_claims", names, org_id=org_id, project_id=project_id)
        return await self._client.ask(call, ClaimsShape)

    async def decision_settings(self, org_id: str) -> DecisionSettingsShape:
        """Return whether an organization's policies are enforced."""
        call = _call("decision_settings", owner=org_id, context=POLICY_CONTEXT)
        return await self._client.ask(call, DecisionSettingsShape)

    async def decisions(self, org_id: str) -> Page[DecisionShape]:
        """Return the newest decisions of an organization, those of one answer."""
        return await self._client.read_list(_call("decisions", owner=org_id, context=POLICY_CONTEXT), DecisionShape)

    async def integrations(self, org_id: str) -> Page[SettingsItem]:
        """Return the chat workspaces that CircleCI itself posts to."""
        call = Call(endpoint=ENDPOINTS["integrations"], query={"filter[org_id]": org_id, "filter[type]": "slack"})
        return await self._client.read_list(call, SettingsItem)

    async def channel_configs(self, org_id: str, project_id: str) -> Page[SettingsItem]:
        """Return the channels that CircleCI itself tells of a project."""
        query = {"filter[scope]": "project", "filter[project_id]": project_id, "filter[org_id]": org_id}
        return await self._client.read_list(Call(endpoint=ENDPOINTS["channel_configs"], query=query), SettingsItem)

    async def person_v3(self) -> Page[SettingsItem]:
        """Return the owner of the token as API v3 knows it: a list of one."""
        call = Call(endpoint=ENDPOINTS["person_v3"], query={"filter[user_id]": "me"})
        return await self._client.read_list(call, SettingsItem)

    async def person_v1(self) -> UserShape:
        """Return the owner of the token as API v1.1 knows it."""
        return await self._client.ask(_call("person_v1"), UserShape)


def _call(name: str, **parts: str) -> Call:
    return Call(endpoint=ENDPOINTS[name], parts=parts)


def _writing(name: str, body: dict[str, Any], **parts: str) -> Call:
    return Call(endpoint=ENDPOINTS[name], parts=parts, body=body)


def _clearing(name: str, names: str, **parts: str) -> Call:
    return Call(endpoint=ENDPOINTS[name], parts=parts, query={"claims": names})
