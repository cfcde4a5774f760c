"""Names to choose from: those on record first, then those that CircleCI names.

Branches that CircleCI lists no more are left out: they build no longer.
"""

from service.db.tables import Transaction
from service.model import InsightKind, slug_spellings
from service.operations.overviews.branch_list import find_known
from service.store.circleci import insights
from service.store.runs import project_tracks
from service.store.search import names

MAX_SUGGESTED = 100
MAX_LISTS = 20  # of branches, when no project is named


def suggest_projects(transaction: Transaction, *, limit: int = MAX_SUGGESTED) -> list[str]:
    """Return projects on record, and those of CircleCI's organizations."""
    found = names.latest(transaction, "project", limit=limit)
    for one in insights.find_kind(transaction, InsightKind.ORGANIZATION, limit=MAX_LISTS):
        found += [f"{one.question.place}/{name}" for name in (one.facts or {}).get("names", [])]
    return list(dict.fromkeys(found))[:limit]


def suggest_branches(transaction: Transaction, project: str | None = None, *, limit: int = MAX_SUGGESTED) -> list[str]:
    """Return branches of a project, or of all.

    project   its slug or name
    """
    if project:
        return _of_project(transaction, project)[:limit]
    return with_listed_branches(transaction, names.latest(transaction, "branch", limit=limit), limit=limit)


def with_listed_branches(transaction: Transaction, found: list[str], *, limit: int) -> list[str]:
    """Return branches on record, and where these are few those that CircleCI lists."""
    if len(found) < limit:
        for one in insights.find_kind(transaction, InsightKind.BRANCHES, limit=MAX_LISTS):
            found += (one.facts or {}).get("branches", [])[:limit]
    return list(dict.fromkeys(found))[:limit]


def _of_project(transaction: Transaction, project: str) -> list[str]:
    keys = project_tracks.find_named(transaction, [project]).get(project, ())
    found: list[str] = []
    for key in keys:
        known = find_known(transaction, key.slug)
        ours = project_tracks.branches_of(transaction, key)
        found += [name for name, last_at in ours.items() if not known.is_gone(name, last_at)]
        found += sorted(known.names)
    if not keys:
        listed = insights.find_branches(transaction, slug_spellings(project)[0])
        found += sorted(listed.names) if listed else []
    return list(dict.fromkeys(found))
