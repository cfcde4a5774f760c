"""Culprits: the revisions in which a track broke. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.model import Color, Culprits, Suspect

_REVISION = re.compile("[0-9a-f]{7,64}")
_COMMIT_URL = re.compile(
    r"(?P<base>https?://(?P<host>[^/?#\s]+)/[^?#\s]+?)/(?P<mark>(?:-/)?commits?)/[0-9a-f]{7,64}/?(?:[?#]\S*)?"
)
_SLUG = re.compile(r"(?P<vcs>gh|github|bb|bitbucket)/(?P<path>[\w.-]+/[\w.-]+)")
_HOSTS = {"gh": "github.com", "github": "github.com", "bb": "bitbucket.org", "bitbucket": "bitbucket.org"}

MIN_REDS = 3
MIN_GREENS = 2


@dataclass(frozen=True, kw_only=True)
class RevisionRun:
    """A run of a track, with the revision that it built."""

    revision: str | None
    color: Color
    created_at: datetime
    stopped_at: datetime
    author_name: str | None = None
    author_email: str | None = None
    subject: str | None = None
    run_id: UUID | None = None


def culprits(runs: Sequence[RevisionRun], *, commit_url: str | None = None, slug: str | None = None) -> Culprits:
    """Return the revisions after the newest green run, up to the oldest red one.

    runs         of a track in its order, until its newest red one at least
    commit_url   the page of a commit of the repository, or its ``slug``: for the page of the changes
    """
    start, end = _range(runs)
    if end is None:
        return Culprits()
    green = runs[start] if start is not None else None
    inside = runs[0 if start is None else start + 1 : end + 1]
    suspects = {
        one.revision: one for one in inside if one.revision and (green is None or one.revision != green.revision)
    }
    found = tuple(_suspect(one, runs, list(suspects), green) for one in suspects.values())
    old, new = green.revision if green else None, runs[end].revision
    url = compare_url(commit_url, slug, old, new) if old and new and old != new else None
    return Culprits(suspects=found, compare_url=url, has_green=green is not None)


def break_range(runs: Sequence[RevisionRun]) -> Sequence[RevisionRun]:
    """Return the newest green run and those after it, up to the oldest red one."""
    start, end = _range(runs)
    return () if end is None else runs[start or 0 : end + 1]


def _range(runs: Sequence[RevisionRun]) -> tuple[int | None, int | None]:
    """Return the places of the last stretch's oldest red, and of the green before it.

    The green one comes first; None where there is none.
    """
    reds: int | None = None
    for place in reversed(range(len(runs))):
        if runs[place].color is Color.RED:
            reds = place
        elif runs[place].color is Color.GREEN:
            if reds is not None:
                return place, reds
            return place, None
    return None, reds


def _suspect(
    one: RevisionRun, runs: Sequence[RevisionRun], revisions: Sequence[str | None], green: RevisionRun | None
) -> Suspect:
    place = revisions.index(one.revision)
    before = revisions[place - 1] if place else (green.revision if green else None)
    return Suspect(
        revision=one.revision or "",
        author_name=one.author_name,
        author_email=one.author_email,
        subject=one.subject,
        is_confirmed=is_confirmed(
            [run for run in runs if run.revision == one.revision],
            [run for run in runs if before and run.revision == before],
        ),
    )


def is_confirmed(of_suspect: Iterable[RevisionRun], of_predecessor: Iterable[RevisionRun]) -> bool:
    """Return whether reruns show that a revision broke the track.

    It is red in three runs and never green, its predecessor green in two and never red, and one of these greens began
    after one of these reds.
    """
    suspect, before = list(of_suspect), list(of_predecessor)
    reds = [run for run in suspect if run.color is Color.RED]
    greens = [run for run in before if run.color is Color.GREEN]
    if len(reds) < MIN_REDS or len(greens) < MIN_GREENS:
        return False
    if any(run.color is Color.GREEN for run in suspect) or any(run.color is Color.RED for run in before):
        return False
    return max(run.created_at for run in greens) > min(run.stopped_at for run in reds)


def green_since(runs: Sequence[RevisionRun], broke_at: datetime) -> datetime | None:
    """Return the end of the first green run in a row before a track broke.

    runs       of the track in its order, as many as are known
    broke_at   the end of the red run that broke it

    None: the run is not among them, or no green one is before it.
    """
    place = next((n for n, run in enumerate(runs) if run.color is Color.RED and run.stopped_at == broke_at), 0)
    since: datetime | None = None
    for run in reversed(runs[:place]):
        if run.color is Color.RED:
            break
        if run.color is Color.GREEN:
            since = run.stopped_at
    return since


def compare_url(commit_url: str | None, slug: str | None, old: str, new: str) -> str | None:
    """Return the page of the changes from one revision to another.

    GitHub, GitLab and Bitbucket have one, also on a host of their own.
    """
    if not (_REVISION.fullmatch(old) and _REVISION.fullmatch(new)):
        return None
    commit, found = _COMMIT_URL.fullmatch(commit_url or ""), _SLUG.fullmatch(slug or "")
    if commit is not None:
        base, host, mark = commit["base"], commit["host"], commit["mark"]
    elif found is not None:
        host = _HOSTS[found["vcs"]]
        base, mark = f"https://{host}/{found['path']}", "commits" if found["vcs"].startswith("b") else "commit"
    else:
        return None
    if mark == "-/commit" or host.startswith("gitlab."):
        return f"{base}/-/compare/{old}...{new}"
    return f"{base}/branches/compare/{new}%0D{old}" if mark == "commits" else f"{base}/compare/{old}...{new}"
