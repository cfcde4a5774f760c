"""Projects and workflows by the words of an address: ``acme/web/build-and-test``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound
from service.model import slug_spellings
from service.operations.unknown_projects import describe_unknown
from service.store.runs import project_tracks, track_search
from service.store.runs.project_tracks import ProjectKey
from service.store.search import names

MAX_SPLITS = 12


@dataclass(frozen=True, kw_only=True)
class Place:
    """A project, and a workflow of it if one was named.

    others   further projects of the same name, in other places: which one is meant is not known
    """

    project: ProjectKey
    workflow: str | None = None
    others: Sequence[ProjectKey] = ()


def find_place(transaction: Transaction, written: str) -> Place:
    """Return the project, and the workflow, that the words of an address name.

    Both may have slashes: of several ways to read the words, the one with the longest project counts that has such a
    workflow. Raises NotFound, with the names like it.
    """
    splits = list(split_name(written))
    found = project_tracks.find_named(transaction, [project for project, _ in splits])
    there = [(found[project], workflow) for project, workflow in splits if project in found]
    for keys, workflow in there:
        if workflow is None or any(workflow in project_tracks.workflows_of(transaction, key) for key in keys):
            return _place(keys, workflow)
    if there:
        keys, workflow = there[0]
        return _require_workflow(transaction, _place(keys, workflow))
    near = names.find_similar(transaction, "project", written)
    raise NotFound(describe_unknown("project", written, near))


def find_exact(transaction: Transaction, project: str, workflow: str | None) -> Place:
    """Return the project and the workflow of these names. Raises NotFound."""
    found = project_tracks.find_named(transaction, [project]).get(project)
    if not found:
        raise NotFound(describe_unknown("project", project, names.find_similar(transaction, "project", project)))
    place = _place(found, workflow)
    return place if place.others else _require_workflow(transaction, place)


def find_slug(transaction: Transaction, written: str) -> str:
    """Return the short slug of the project that a slug or a name names.

    The text itself if none is on record. Raises BadRequest for the name of several.
    """
    found = track_search.find_projects(transaction, written)
    slugs = list(dict.fromkeys(slug_spellings(slug)[0] for slug in found))
    if len(slugs) > 1:
        raise BadRequest(f"{written!a} may be {' or '.join(slugs[:5])}; write the whole of it")
    return slugs[0] if slugs else slug_spellings(written)[0]


def split_name(written: str) -> Iterator[tuple[str, str | None]]:
    """Yield the ways to read words as project and workflow, longest project first."""
    yield written, None
    parts = written.split("/")
    for at in range(len(parts) - 1, max(0, len(parts) - 1 - MAX_SPLITS), -1):
        project, workflow = "/".join(parts[:at]), "/".join(parts[at:])
        if project and workflow:
            yield project, workflow


def _place(keys: Sequence[ProjectKey], workflow: str | None) -> Place:
    return Place(project=keys[0], workflow=workflow, others=keys[1:])


def _require_workflow(transaction: Transaction, place: Place) -> Place:
    if place.workflow is None or place.others:
        return place
    known = project_tracks.workflows_of(transaction, place.project)
    if place.workflow not in known:
        near = get_close_matches(place.workflow, known, n=3)
        name = place.project.name or place.project.slug
        raise NotFound(f"{describe_unknown('workflow', place.workflow, near)}, in project {name!a}")
    return place
