"""Readers of the settings that guard builds: each one's names and states.

Values of variables are neither asked nor kept. Source of what is where: the endpoints of ``api/tables/settings``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar
from urllib.parse import urlsplit

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Page
from service.circleci.circleci import CircleCI
from service.errors import Permanent
from service.model import GuardArea

States = dict[str, str]
T = TypeVar("T")
DIGEST_DIGITS = 12
TEXT_SEPARATOR = ", "


@dataclass(frozen=True, kw_only=True)
class GuardPlace:
    """A project and its organization, by what the endpoints ask for."""

    slug: str
    project_id: str
    org_slug: str
    org_id: str
    project_name: str | None = None
    org_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class GuardReader:
    """A reader of one area.

    is_of_org   it is of the organization, of which one project is enough
    needs_v3    True: it is of API v3; False: v3 has a better one; None: both have it
    """

    area: GuardArea
    read: Callable[[CircleCIAPI, GuardPlace], Awaitable[States]]
    is_of_org: bool = False
    needs_v3: bool | None = None


async def find_place(source: CircleCI, slug: str) -> GuardPlace:
    """Return the ids of a project; raises Temporary or Permanent."""
    project = await source.admin_api.project(slug)
    if project.id is None or project.organization_id is None:
        raise Permanent(f"CircleCI does not say the ids of project {slug}")
    org = project.organization_slug or slug.rpartition("/")[0]
    return GuardPlace(
        slug=slug,
        project_id=project.id,
        org_slug=org,
        org_id=project.organization_id,
        project_name=project.name,
        org_name=project.organization_name,
    )


async def _webhooks(api: CircleCIAPI, place: GuardPlace) -> States:
    """Return the webhooks: of the address, which may hold a secret, a digest."""
    found = await api.webhooks(place.project_id)
    return {
        f"{one.name or 'without a name'} ({(one.id or '')[:8]})": TEXT_SEPARATOR.join(
            [
                *sorted(one.events),
                f"address {_digest(one.url)}",
                "verifies TLS" if one.verify_tls else "does not verify TLS",
                "signed" if one.signing_secret else "not signed",
            ]
        )
        for one in _whole(found).items
    }


async def _env_vars(api: CircleCIAPI, place: GuardPlace) -> States:
    found = await api.settings.env_vars(place.slug)
    return {one.name: "" for one in _whole(found).items if one.name}


async def _checkout_keys(api: CircleCIAPI, place: GuardPlace) -> States:
    found = await api.settings.checkout_keys(place.slug)
    return {
        one.fingerprint: f"{one.type or 'key'}{TEXT_SEPARATOR + 'preferred' if one.preferred else ''}"
        for one in _whole(found).items
        if one.fingerprint
    }


async def _advanced(api: CircleCIAPI, place: GuardPlace) -> States:
    return (await api.settings.advanced_settings(place.slug)).advanced


async def _project_settings(api: CircleCIAPI, place: GuardPlace) -> States:
    return (await api.settings.project_settings(place.project_id)).data


async def _project_claims(api: CircleCIAPI, place: GuardPlace) -> States:
    found = await api.settings.project_claims(place.org_id, place.project_id)
    return claim_states(found.audience, found.ttl)


async def _org_claims(api: CircleCIAPI, place: GuardPlace) -> States:
    found = await api.settings.org_claims(place.org_id)
    return claim_states(found.audience, found.ttl)


def claim_states(audience: tuple[str, ...], ttl: str | None) -> States:
    """Return the claims that are set."""
    claims = {"audience": TEXT_SEPARATOR.join(sorted(audience)), "ttl": ttl or ""}
    return {name: value for name, value in claims.items() if value}


async def _channels(api: CircleCIAPI, place: GuardPlace) -> States:
    """Return the channels; the address of an email is left out."""
    found = await api.settings.channel_configs(place.org_id, place.project_id)
    return {
        " ".join(filter(None, [one.attributes.channel_type, one.attributes.channel_name or (one.id or "")[:8]])): (
            "on" if one.attributes.is_enabled else "off"
        )
        for one in _whole(found).items
    }


async def _schedules(api: CircleCIAPI, place: GuardPlace) -> States:
    """Return the schedules as digests, since parameters may hold secrets."""
    found = await api.schedules.schedules(place.slug)
    return {
        one.name or (one.id or "")[:8]: f"form {_digest(one.model_dump_json(exclude={'id', 'name'}))}"
        for one in _whole(found).items
    }


async def _exporters(api: CircleCIAPI, place: GuardPlace) -> States:
    """Return the exporters by their hosts: an address may hold a secret."""
    found = await api.exporters.exporters(place.org_id)
    return {
        f"{_host(one.endpoint)} ({(one.id or '')[:8]})": TEXT_SEPARATOR.join(
            [
                one.protocol or "",
                "without TLS" if one.insecure else "with TLS",
                *sorted(one.headers),
                f"address {_digest(one.endpoint)}",
            ]
        )
        for one in _whole(found).items
    }


def _host(endpoint: str | None) -> str:
    """Return the host of an exporter's endpoint, which has a scheme or none."""
    address = endpoint or ""
    try:
        return urlsplit(address if "://" in address else f"//{address}").hostname or "without a host"
    except ValueError:  # brackets that are no IPv6 address
        return "without a host"


async def _contexts(api: CircleCIAPI, place: GuardPlace) -> States:
    found = await api.settings.contexts(place.org_id)
    return {one.name: "" for one in _whole(found).items if one.name}


async def _context_variables(api: CircleCIAPI, place: GuardPlace) -> States:
    """Return the variables of all contexts; the state tells of a new value."""
    contexts = _whole(await api.settings.contexts(place.org_id)).items
    states: States = {}
    for context in contexts:
        if context.id is None:
            continue
        for one in _whole(await api.settings.context_variables(context.id)).items:
            states[f"{context.name}/{one.variable}"] = one.updated_at or ""
    return states


async def _policies(api: CircleCIAPI, place: GuardPlace) -> States:
    """Return whether policies are enforced, and the rules of the newest decision."""
    enabled = (await api.settings.decision_settings(place.org_id)).enabled
    decisions = (await api.settings.decisions(place.org_id)).items  # also while off: no rule was removed by that
    newest = max(decisions, key=lambda one: one.created_at or "", default=None)
    rules = newest.decision.enabled_rules if newest else ()
    return {"enforcement": "on" if enabled else "off"} | {f"rule {rule}": "on" for rule in rules}


async def _integrations(api: CircleCIAPI, place: GuardPlace) -> States:
    found = await api.settings.integrations(place.org_id)
    return {
        f"{one.attributes.type or 'chat'} {one.attributes.workspace_name or (one.id or '')[:8]}": (
            one.attributes.status or ""
        )
        for one in _whole(found).items
    }


def _digest(text: str | None) -> str:
    """Return a short digest, by which a change is seen and nothing else."""
    return sha256((text or "").encode()).hexdigest()[:DIGEST_DIGITS]


def _whole(page: Page[T]) -> Page[T]:
    """Return a page that is a whole list: what was cut off would count as removed."""
    if not page.is_last:
        raise Permanent("CircleCI lists too many to compare")
    return page


READERS: tuple[GuardReader, ...] = (
    GuardReader(area=GuardArea.WEBHOOKS, read=_webhooks),
    GuardReader(area=GuardArea.ENV_VARS, read=_env_vars),
    GuardReader(area=GuardArea.CHECKOUT_KEYS, read=_checkout_keys),
    GuardReader(area=GuardArea.PROJECT_SETTINGS, read=_project_settings, needs_v3=True),
    GuardReader(area=GuardArea.PROJECT_SETTINGS, read=_advanced, needs_v3=False),
    GuardReader(area=GuardArea.PROJECT_CLAIMS, read=_project_claims),
    GuardReader(area=GuardArea.CHANNELS, read=_channels, needs_v3=True),
    GuardReader(area=GuardArea.SCHEDULES, read=_schedules),
    GuardReader(area=GuardArea.CONTEXTS, read=_contexts, is_of_org=True),
    GuardReader(area=GuardArea.CONTEXT_VARIABLES, read=_context_variables, is_of_org=True),
    GuardReader(area=GuardArea.ORG_CLAIMS, read=_org_claims, is_of_org=True),
    GuardReader(area=GuardArea.POLICIES, read=_policies, is_of_org=True),
    GuardReader(area=GuardArea.INTEGRATIONS, read=_integrations, is_of_org=True, needs_v3=True),
    GuardReader(area=GuardArea.EXPORTERS, read=_exporters, is_of_org=True, needs_v3=True),
)


def readers_of(source: CircleCI) -> tuple[GuardReader, ...]:
    """Return the readers that this CircleCI has an answer for."""
    return tuple(one for one in READERS if one.needs_v3 in {None, source.has_v3})
