"""Fill holes in the history of a project with what CircleCI's API tells."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from service.circleci.api.request import EndpointMissing, EndpointNotFound
from service.circleci.circleci import CircleCI
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.metrics import Metrics
from service.model import slug_spellings
from service.model.reconciling import BackfillState, PipelineToAsk, Scan, Urgency
from service.pipeline.reconciling.call_budget import CallBudget
from service.pipeline.reconciling.listing import FoundPipeline, PipelinePage, list_page
from service.pipeline.reconciling.missed_posts import Look, MissedWebhooks
from service.pipeline.reconciling.reconcile import after_look
from service.store.circleci import project_backfills, reconciling

T = TypeVar("T")

MAX_TRIES = 8
MAX_PAUSE_S = 60.0
SAME_SPAN = timedelta(days=2)  # ``--since 30d`` is another time on the next day, and means the same
ONE_SECOND = timedelta(seconds=1)
Progress = Callable[[BackfillState], None]


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """The parts of a backfill.

    progress   called after each pipeline
    sleep      waits so many seconds
    """

    store: Store
    source: CircleCI
    budget: CallBudget
    clock: Callable[[], datetime]
    progress: Progress
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self, slug: str, since: datetime) -> BackfillState:
        """Compare the pipelines of a project since a time with what is on record.

        It goes on where an earlier one stopped. Raises Temporary if CircleCI fails for long, and Permanent.
        """
        slug = slug_spellings(slug)[0]
        project_id = await self._project_id(slug)
        state = await self.store.write(_begin, slug, since, self.clock())
        missed = MissedWebhooks(
            store=self.store, source=self.source, budget=self.budget, clock=self.clock, metrics=Metrics()
        )
        while True:
            try:
                page = await self._page(state, project_id)
            except Permanent as error:
                if isinstance(error, EndpointMissing):  # then API v2 is asked
                    self.source.v3.miss()
                elif state.cursor is None:
                    raise
                # CircleCI no longer knows the page: the list begins anew, from what was reached
                state = replace(state, cursor=None, until=min(state.until, state.done_until + ONE_SECOND))
                continue
            for found in page.pipelines:
                state = await self._look(missed, state, found)
            is_over = page.cursor is None
            state = replace(state, cursor=page.cursor, ended_at=self.clock() if is_over else None)
            await self.store.write(project_backfills.put, state)
            if is_over:
                return state

    async def _project_id(self, slug: str) -> str:
        known = await self.store.read(reconciling.project_of_slug, slug_spellings(slug))
        return known[0] if known else await self._patiently(lambda: self.source.project_id(slug))

    async def _page(self, state: BackfillState, project_id: str) -> PipelinePage:
        scan = Scan(
            id=UUID(int=0),
            projects={project_id: state.slug},
            since=state.since,
            until=state.until,
            cursor=state.cursor,
        )

        async def ask() -> PipelinePage:
            await self.budget.take()
            return await list_page(self.source, scan)

        return await self._patiently(ask)

    async def _look(self, missed: MissedWebhooks, state: BackfillState, found: FoundPipeline) -> BackfillState:
        """Ask for a pipeline; one that has not ended is left to the timer."""
        pipeline = PipelineToAsk(
            id=found.id,
            project_id=found.project_id,
            slug=found.slug,
            created_at=found.created_at,
            urgency=Urgency.UNFINISHED,
            due_at=None,
        )
        try:
            look = await self._patiently(lambda: missed.look(pipeline))
        except EndpointNotFound:  # it was deleted meanwhile
            look = Look(is_finished=True, soon=None, has_red=False, found=0)
        after = after_look(pipeline, look, self.clock())
        if after.urgency is not Urgency.CHECK:
            await self.store.write(reconciling.add, [after])
        asked, done = state.asked + 1, min(state.done_until, found.created_at)
        state = replace(state, asked=asked, found=state.found + look.found, done_until=done)
        self.progress(state)
        return state

    async def _patiently(self, question: Callable[[], Awaitable[T]]) -> T:
        """Return an answer, with pauses after failures; all questions only read."""
        for tries in range(1, MAX_TRIES):
            try:
                return await question()
            except Temporary as error:
                await self.sleep(min(error.retry_after_s or 2.0**tries, MAX_PAUSE_S))
        return await question()


def _begin(transaction: Transaction, slug: str, since: datetime, now: datetime) -> BackfillState:
    known = project_backfills.find(transaction, slug)
    if known is not None and known.ended_at is None and abs(known.since - since) <= SAME_SPAN:
        since = known.since
    return project_backfills.begin(transaction, slug, since=since, now=now)
