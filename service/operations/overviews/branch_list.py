"""The branches that CircleCI lists of a project, beside those of our runs.

CircleCI lists a branch while it has run in its window of time: one that it lists no more was deleted, or builds no
longer. Where it has too many to list all, none counts as gone.
"""

from dataclasses import dataclass
from datetime import datetime

from service.db.tables import Transaction
from service.operations.json_shapes import Json, rfc3339
from service.store.circleci import insights
from service.store.circleci.insights import BranchList
from service.store.circleci.project_questions import GONE_AFTER
from service.store.runs import project_tracks
from service.store.runs.project_tracks import ProjectKey

MAX_GONE = 50


@dataclass(frozen=True, kw_only=True)
class KnownBranches:
    """The list of a project, which tells of a branch whether it is gone.

    listed   None: CircleCI was not asked
    """

    listed: BranchList | None

    @property
    def names(self) -> frozenset[str]:
        """The branches that CircleCI lists."""
        return self.listed.names if self.listed else frozenset()

    def is_gone(self, branch: str | None, last_at: datetime | None) -> bool:
        """Return whether CircleCI lists a branch no more that has had no run of late."""
        listed = self.listed
        if listed is None or not listed.names or branch is None or branch in listed.names:
            return False
        return last_at is not None and last_at < listed.asked_at - GONE_AFTER


def find_known(transaction: Transaction, slug: str | None) -> KnownBranches:
    """Return the list of a project as it was read last."""
    return KnownBranches(listed=insights.find_branches(transaction, slug) if slug else None)


def read_branches(transaction: Transaction, key: ProjectKey) -> Json:
    """Return the numbers of branches listed and on record, and those gone.

    The shape: ``circleci`` is null where CircleCI was not asked; ``gone`` has those of ``ours`` that it lists no more.
    """
    known, ours = find_known(transaction, key.slug), project_tracks.branches_of(transaction, key)
    listed = known.listed
    gone = [(name, at) for name, at in ours.items() if known.is_gone(name, at)]
    return {
        "circleci": {"count": len(listed.names) or None, "asked_at": rfc3339(listed.asked_at)} if listed else None,
        "ours": {"count": len(ours)},
        "gone": [{"branch": name, "last_at": rfc3339(at)} for name, at in gone[:MAX_GONE]],
        "more_gone": max(len(gone) - MAX_GONE, 0),
    }
