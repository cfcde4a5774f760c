"""Questions to CircleCI about projects, and its answers on their tracks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from service.db.tables import Transaction, tracks
from service.model import Color
from service.model.tracks import USUAL_DEFAULTS
from service.store.runs.tracks import lock_all

GONE_AFTER = timedelta(days=3)
"""The time without a run after which the branch of a red is looked for: CircleCI lists a new one a day late."""
MAX_SILENT = 5_000


def find_without_default(transaction: Transaction) -> Sequence[str]:
    """Return the slugs of projects whose default branch is not known.

    New tracks of the others are given that of their project.
    """
    projects = (
        select(
            tracks.c.project_slug.label("slug"),
            func.max(tracks.c.posted_default).label("posted"),
            func.max(tracks.c.own_default).label("own"),
            func.count(tracks.c.posted_default).label("known"),
            func.count().label("all"),
        )
        .where(tracks.c.project_slug.is_not(None), tracks.c.branch.is_not(None))
        .group_by(tracks.c.project_slug)
        .order_by(tracks.c.project_slug)
    )
    found = transaction.execute(projects).all()
    for row in found:
        if row.posted is not None and row.known < row.all:
            put_default(transaction, row.slug, row.posted)
    return [row.slug for row in found if row.posted is None and row.own is None]


def put_default(transaction: Transaction, slug: str, branch: str) -> None:
    """Note the default branch of a project with its tracks that know none."""
    lacking = select(tracks.c.id).where(tracks.c.project_slug == slug, tracks.c.posted_default.is_(None))
    locked = [one.track.id for one in lock_all(transaction, list(transaction.execute(lacking).scalars()))]
    still = (tracks.c.id.in_(locked), tracks.c.posted_default.is_(None))
    transaction.execute(update(tracks).where(*still).values(posted_default=branch))


def find_silent_reds(transaction: Transaction, before: datetime) -> Mapping[str, Mapping[int, str]]:
    """Return the branches of red tracks without a run since a time, by slug and track.

    Default branches are left out: they are not deleted.
    """
    silent = (
        select(tracks.c.project_slug, tracks.c.id, tracks.c.branch, tracks.c.posted_default, tracks.c.own_default)
        .where(tracks.c.color == Color.RED, tracks.c.last_at < before)
        .where(tracks.c.project_slug.is_not(None), tracks.c.branch.is_not(None))
        .order_by(tracks.c.last_at, tracks.c.id)
        .limit(MAX_SILENT)
    )
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for row in transaction.execute(silent):
        if row.branch not in {row.posted_default, row.own_default, *USUAL_DEFAULTS}:
            found[row.project_slug][row.id] = row.branch
    return found
