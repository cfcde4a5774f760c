"""The rights of our tokens at CircleCI: one thing of each kind is asked for."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.circleci.api.responses import ProjectShape
from service.circleci.circleci import CircleCI
from service.errors import Permanent, Temporary


class Access(StrEnum):
    """The access of a token to a kind of things."""

    GIVEN = "given"
    LACKING = "lacking"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class RightFound:
    """The access of a token to one kind of things.

    is_needed   the service lacks something essential without it
    sentence    CircleCI's answer; empty if the access is given
    """

    what: str
    access: Access
    is_needed: bool = False
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A question that shows a right."""

    what: str
    ask: Callable[[], Awaitable[Any]]
    is_needed: bool = False


def reading_probes(source: CircleCI, slug: str) -> Iterator[Probe]:
    """Yield the questions to the token that reads."""
    yield Probe(what="builds of a project", ask=lambda: source.api.project(slug), is_needed=True)
    yield Probe(what="insights", ask=lambda: source.api.branches(slug))


def managing_probes(source: CircleCI, project: ProjectShape, slug: str) -> Iterator[Probe]:
    """Yield the questions to the token that manages, about a project that it may see."""
    api, settings = source.admin_api, source.admin_api.settings
    project_id, org = project.id or "", project.organization_id or ""
    yield Probe(what="webhooks", ask=lambda: api.webhooks(project_id))
    yield Probe(what="names of environment variables", ask=lambda: settings.env_vars(slug))
    yield Probe(what="checkout keys", ask=lambda: settings.checkout_keys(slug))
    yield Probe(what="contexts", ask=lambda: settings.contexts(org))
    yield Probe(what="OIDC claims", ask=lambda: settings.org_claims(org))
    yield Probe(what="config policies", ask=lambda: settings.decision_settings(org))
    if source.has_v3:
        yield Probe(what="settings of a project", ask=lambda: settings.project_settings(project_id))
        yield Probe(what="CircleCI's own notifications", ask=lambda: settings.integrations(org))
    else:
        yield Probe(what="settings of a project", ask=lambda: settings.advanced_settings(slug))


async def find_rights(source: CircleCI, slug: str) -> tuple[Sequence[RightFound], Sequence[RightFound]]:
    """Return the rights of the token that reads, and of the one that manages.

    slug   of a project; what is not there counts as lacking, for CircleCI hides what a token may not see
    """
    reading = [await find_right(probe) for probe in reading_probes(source, slug)]
    try:
        project = await source.admin_api.project(slug)
    except (Temporary, Permanent) as error:
        access = Access.LACKING if isinstance(error, Permanent) else Access.UNKNOWN
        return reading, [RightFound(what="the project", access=access, sentence=str(error))]
    return reading, [await find_right(probe) for probe in managing_probes(source, project, slug)]


async def find_right(probe: Probe) -> RightFound:
    """Return the access that a question shows."""
    try:
        await probe.ask()
    except Permanent as error:
        access, sentence = Access.LACKING, str(error)
    except Temporary as error:
        access, sentence = Access.UNKNOWN, str(error)
    else:
        access, sentence = Access.GIVEN, ""
    return RightFound(what=probe.what, access=access, is_needed=probe.is_needed, sentence=sentence)
