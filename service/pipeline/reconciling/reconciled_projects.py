"""Projects that are reconciled since they have a hook of ours.

Also if none of them has posted yet: else a hook that is silent from its first day on would be noticed by nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from service.db.tables import Transaction
from service.model import posted_slug, slug_spellings
from service.routing.projects import ProjectRules
from service.store.circleci import hook_states, reconciling

FIRST_SPAN = timedelta(hours=1)  # of a project that is new here


def follow_hooked(transaction: Transaction, rules: ProjectRules, hooked: Mapping[str, str], now: datetime) -> None:
    """Begin with projects that have a hook of ours, by id; known ones stay."""
    new = {one: posted_slug(slug) for one, slug in hooked.items() if rules.is_reconciled(slug, None)}
    reconciling.change_projects(transaction, new=new, gone=(), checked_until=now - FIRST_SPAN)


def hooked_projects(transaction: Transaction, rules: ProjectRules) -> frozenset[str]:
    """Return the ids of reconciled projects with a hook of ours: they stay."""
    hooked = {project for project, state in hook_states.find_all(transaction).items() if state.hook_id}
    known = reconciling.listed_projects(transaction).items()
    return frozenset(
        one for one, slug in known if slug_spellings(slug)[0] in hooked and rules.is_reconciled(slug, None)
    )
