"""Ask CircleCI for what posts do not tell of projects, a few at a time and seldom.

Their default branch, where no post and no roundsman.yaml names it, and the branches that are listed still: a red of one
that is gone is over. Messages go first: nothing is asked while CircleCI's limits leave little room.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from service.errors import Permanent, Temporary
from service.pipeline.context import Context
from service.pipeline.judgment.expire import close_gone
from service.store.circleci import insights, project_questions
from service.store.circleci.project_questions import GONE_AFTER

ASK_EVERY_S = 900.0
ASK_AGAIN_AFTER = timedelta(days=1)
MAX_PROJECTS = 20  # of which one look asks

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class AskedProjects:
    """The times at which this process asked of projects, by question and slug."""

    asked_at: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def due(self, question: str, slugs: Collection[str], now: datetime) -> list[str]:
        """Return projects that were not asked of lately, and note them as asked."""
        never = datetime.min.replace(tzinfo=now.tzinfo)
        due = [one for one in slugs if now - self.asked_at.get((question, one), never) >= ASK_AGAIN_AFTER]
        for slug in due[:MAX_PROJECTS]:
            self.asked_at[question, slug] = now
        return due[:MAX_PROJECTS]


async def ask_projects(context: Context, asked: AskedProjects) -> None:
    """Learn default branches, and close the incidents of branches that are gone."""
    now = context.clock()
    without = await context.store.write(project_questions.find_without_default)
    for slug in asked.due("default", without, now):
        await _learn_default(context, slug)
    silent = await context.store.read(project_questions.find_silent_reds, now - GONE_AFTER)
    for slug in asked.due("branches", sorted(silent), now):
        await _close_gone(context, slug, silent[slug])


async def _learn_default(context: Context, slug: str) -> None:
    branch = None
    if context.source.has_room:
        try:
            branch = await context.source.default_branch(slug)
        except (Temporary, Permanent) as error:
            log.info("the default branch of a project is not known", project=slug, reason=str(error))
    if branch is not None:
        await context.store.write(project_questions.put_default, slug, branch)


async def _close_gone(context: Context, slug: str, track_ids: Mapping[int, str]) -> None:
    """Close the incidents of silent tracks whose branches CircleCI no longer lists."""
    listed = await _listed_branches(context, slug)
    gone = sorted(track_id for track_id, branch in track_ids.items() if branch not in listed) if listed else []
    if gone and (count := await context.store.write(close_gone, gone, context.clock())):
        log.info("incidents of branches that are gone expired", project=slug, incidents=count)


async def _listed_branches(context: Context, slug: str) -> frozenset[str]:
    """Return the branches that CircleCI lists, as it was asked in the last day or now.

    None if they are not known.
    """
    kept = await context.store.read(insights.find_branches, slug)
    if kept is not None and context.clock() - kept.asked_at < ASK_AGAIN_AFTER:
        return kept.names
    if not context.source.has_room:
        return frozenset()
    try:
        return await context.source.branches(slug)
    except (Temporary, Permanent) as error:
        log.info("the branches of a project are not known", project=slug, reason=str(error))
        return frozenset()
