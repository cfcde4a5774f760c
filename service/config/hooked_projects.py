"""The projects of a hook in roundsman.yaml: one slug, or patterns."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from service.config.match_shape import OneOrMore
from service.model import HookSpec
from service.routing.patterns import has_closed_brackets, has_wildcards

_GLOB = re.compile(r"[*?\[\]]|^!")  # no git server allows these in a name
_SLUG = re.compile(r"[^/\s]+/[^/\s]+/[^/\s]+")

NO_SLUG = (
    "{} is not a project slug; write it as CircleCI does, like gh/acme/web, or circleci/... as the settings of a "
    "project of the GitHub App show it"
)


def project_slug(slug: str) -> str:
    """Return the slug of one project unchanged.

    Raises ValueError for a pattern, and for a text that cannot be a slug.
    """
    if _GLOB.search(slug):
        raise ValueError(f"{slug} is a pattern, and each hook is of one project; write the projects one by one")
    if not _SLUG.fullmatch(slug):
        raise ValueError(NO_SLUG.format(slug))
    return slug


def _hooked_project(written: str) -> str:
    pattern = written.removeprefix("!").strip()
    if not pattern:
        raise ValueError("is an empty pattern; write a slug like gh/acme/web, or gh/acme/* for all of acme")
    if not has_closed_brackets(pattern):
        raise ValueError(f"{written} opens a [ that no ] closes; write [[] for the plain character")
    if not has_wildcards(pattern) and not _SLUG.fullmatch(pattern):
        raise ValueError(NO_SLUG.format(pattern))
    return written


def _names_some(written: tuple[str, ...]) -> tuple[str, ...]:
    if all(one.startswith("!") for one in written):
        raise ValueError("leaves projects out and names none; add those that have a hook, such as gh/acme/*")
    return written


HookProjects = Annotated[
    tuple[Annotated[str, AfterValidator(_hooked_project)], ...], OneOrMore, AfterValidator(_names_some)
]


def to_hook_spec(projects: Sequence[str], *, name: str, events: tuple[str, ...]) -> HookSpec:
    """Return the hook of checked projects; of one plain slug it has no patterns."""
    if len(projects) == 1 and not has_wildcards(projects[0]):
        return HookSpec(project=projects[0], name=name, events=events)
    return HookSpec(
        project=", ".join(projects),
        name=name,
        events=events,
        patterns=tuple(one for one in projects if not one.startswith("!")),
        excluded=tuple(one.removeprefix("!") for one in projects if one.startswith("!")),
    )
