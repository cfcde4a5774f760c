"""Check the projects and branches that routes name against those that are known.

A plain name that is neither on record nor known to CircleCI is noted if another one is like it: it may be misspelled.
Nothing is said of a database that cannot be read.
"""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from service.db.data_folder import database_file, file_exists
from service.db.database import Store
from service.db.revisions import is_workable, revision
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary
from service.model import Route
from service.operations.checks.checks import Finding, Grade
from service.operations.checks.suggestions import suggest_branches, suggest_projects
from service.routing.patterns import has_wildcards, unescape
from service.store.search import names

MAX_COMPARED = 5_000
KNOWN_BY = {"project": "CircleCI names no such project", "branch": "CircleCI lists no such branch"}


async def check_names(database_url: str, routes: Sequence[Route]) -> list[Finding]:
    """Return a finding on each name of a route that may be misspelled."""
    wanted = list(dict.fromkeys(_plain_names(routes)))
    if not wanted:
        return []
    store: Store | None = None
    try:
        file = database_file(database_url)
        if file is not None and not file_exists(file):
            return []
        store = Store(database_url)
        return await store.snapshot(_compare, wanted) if is_workable(await revision(store)) else []
    except (Temporary, BadConfig):
        return []  # the finding about the database says so
    finally:
        if store is not None:
            await store.close()


def _plain_names(routes: Iterable[Route]) -> Iterator[tuple[str, str, str]]:
    """Yield route, key and name of each plain name of a project or branch."""
    for route in routes:
        for matcher in route.matchers:
            if matcher.key in KNOWN_BY:
                plain = (one for one in (*matcher.patterns, *matcher.excluded) if not has_wildcards(one))
                yield from ((route.name, matcher.key, unescape(one)) for one in plain)


def _compare(transaction: Transaction, wanted: Sequence[tuple[str, str, str]]) -> list[Finding]:
    known = {
        "project": suggest_projects(transaction, limit=MAX_COMPARED),
        "branch": suggest_branches(transaction, limit=MAX_COMPARED),
    }
    findings = []
    for route, key, name in wanted:
        if name in known[key] or names.find_same(transaction, key, name):
            continue
        if near := get_close_matches(name, known[key], n=2):
            sentence = f"no {key} {name!a} is on record, and {KNOWN_BY[key]}; did you mean {' or '.join(near)}?"
            findings.append(Finding(what=f"route {route!r}", grade=Grade.NOTE, sentence=sentence))
    return findings
