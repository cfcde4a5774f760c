"""Find webhooks that never came: a step of one process, once a minute.

New pipelines of all projects are listed every few minutes. Those that the rows do not explain are asked for, one call
each, and until they have ended; those that seem whole are made sure of with what is left of the budget.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from service.circleci.api.request import EndpointError, EndpointMissing
from service.circleci.circleci import CircleCI
from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import Color
from service.model.reconciling import PipelineToAsk, Scan, Urgency, WebhookGaps
from service.pipeline.alarms.watch_gaps import WATCH_EVERY_MIN, watch_gaps
from service.pipeline.context import Context
from service.pipeline.reconciling.call_budget import BudgetSpent, StepBudget
from service.pipeline.reconciling.find_holds import find_holds
from service.pipeline.reconciling.find_open import UnfinishedSearch
from service.pipeline.reconciling.hold_reminders import remind_of_holds
from service.pipeline.reconciling.listing import FoundPipeline, PipelinePage, list_page, organization_of, seems_whole
from service.pipeline.reconciling.missed_posts import GRACE, Look, MissedWebhooks
from service.pipeline.reconciling.reconciled_projects import FIRST_SPAN, hooked_projects
from service.store.circleci import holds, reconciling, second_looks, spans
from service.store.deliveries import deliveries

RECONCILE_EVERY_S = 60.0
BUILDS_WITHIN = timedelta(days=30)  # a project without a run for longer is not listed
ONE_HOUR = timedelta(hours=1)
MAX_AGE = timedelta(days=90)  # of a pipeline: none of its workflows can be run again after that
FINISHED_FOR = timedelta(days=2)
UNJUDGED_FOR_S = 60.0  # webhooks that wait to be judged would seem missed
AFTER_FAILURE = timedelta(minutes=5)
MAX_REFUSALS = 3
MAX_FAILURES = 3  # of a step
TRY_EVERY = 5  # steps
SPAN_GRACE = timedelta(minutes=2)  # a webhook may take as long as the spans of its workflow
SPANS_SINCE = timedelta(days=1)
MAX_SPANS = 50
LOOK_AGAIN = timedelta(minutes=3)
"""The pause before the next look at an unfinished pipeline, of an old one at least."""
YOUNG = timedelta(hours=6)
LATER = timedelta(minutes=30)
OLD_PART = 4  # at most a quarter of a budget goes to old pipelines that are unfinished
AGAIN = timedelta(days=1)  # is listed once more every hour, where the list says what pipelines came to
RED_EVERY_MIN = 10
RERUN_AFTER = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4), timedelta(hours=12))
"""The pauses before a pipeline that came to be red is looked at again: it may be run once more."""
CHECKS = 2  # at most the half of a budget goes to what seems whole

log = structlog.get_logger()


@dataclass(kw_only=True)
class Reconciler:
    """The reconciling of one process; its first step makes no call."""

    has_begun: bool = False
    without_room: int = 0
    is_behind: bool = False
    search: UnfinishedSearch = field(default_factory=UnfinishedSearch)

    async def step(self, context: Context) -> None:
        """List new pipelines if it is time, and ask for those that are due."""
        if context.reconcile_every is None or not isinstance(context.source, CircleCI):
            return
        now = context.clock()
        holds_of = await context.store.write(_change_projects, context, now)
        if not self.has_begun:
            self.has_begun = True
            return
        if await self._has_room(context.source) and not await context.store.read(_has_backlog, now):
            await self._ask_all(context, context.source, now, holds_of=holds_of)
        await context.store.write(remind_of_holds, context)
        if now.minute % WATCH_EVERY_MIN == 0:
            self._tell_delay(await watch_gaps(context, context.clock()))

    async def _ask_all(self, context: Context, source: CircleCI, now: datetime, *, holds_of: frozenset[str]) -> None:
        if context.reconcile_every is None:
            return
        budget = StepBudget(
            context.store, context.reconcile_calls, clock=context.clock, has_room=lambda: source.has_room
        )
        missed = MissedWebhooks(
            store=context.store,
            source=source,
            budget=budget,
            clock=context.clock,
            metrics=context.metrics,
            holds_of=holds_of,
        )
        try:
            await context.store.write(_put_first, now)
            if await _list_new(missed, context.reconcile_every):
                await self._search_unfinished(missed)
            await _ask_due(missed, budget, calls=context.reconcile_calls)
        except BudgetSpent:
            log.debug("reconciling goes on at the next step")

    def _tell_delay(self, gaps: WebhookGaps) -> None:
        """Log that missed webhooks are found late, once, and the end of it."""
        if gaps.is_behind and not self.is_behind:
            log.warning(
                "missed webhooks are found later than within five minutes",
                waiting=gaps.waiting,
                behind_s=round(gaps.behind_s),
                next_step="raise ROUNDSMAN_RECONCILE_CALLS, or leave projects out with reconcile: false",
            )
        elif self.is_behind and not gaps.is_behind:
            log.info("missed webhooks are found within five minutes again")
        self.is_behind = gaps.is_behind

    async def _search_unfinished(self, missed: MissedWebhooks) -> None:
        if not missed.source.has_v3:
            return
        try:
            await self.search.run(missed)
        except EndpointMissing as error:
            _go_on_without_v3(missed.source, error)
        except (Temporary, Permanent) as error:
            log.info("pipelines under way could not be searched for", reason=str(error))

    async def _has_room(self, source: CircleCI) -> bool:
        """Return whether there is room for calls.

        Where there was none for some steps, one call finds out whether CircleCI is back: in a quiet time nothing else
        asks it.
        """
        self.without_room = 0 if source.has_room else self.without_room + 1
        if self.without_room and self.without_room % TRY_EVERY == 0:
            with suppress(Temporary, Permanent):
                await source.me()
        return source.has_room


def _change_projects(transaction: Transaction, context: Context, now: datetime) -> frozenset[str]:
    """Begin with projects that build, and end with those that do not any more.

    Returns the ids of those whose approvals are looked for.
    """
    building = reconciling.building_projects(transaction, since=now - BUILDS_WITHIN)
    wanted = {one: slug for one, (slug, name) in building.items() if context.projects.is_reconciled(slug, name)}
    known = reconciling.known_projects(transaction)
    new = {one: slug for one, slug in wanted.items() if one not in known}
    kept = {*wanted, *hooked_projects(transaction, context.projects)}
    gone = [one for one in known if one not in kept]
    if new or gone:
        reconciling.change_projects(transaction, new=new, gone=gone, checked_until=now - FIRST_SPAN)
    holds.forget_old(transaction, before=now - MAX_AGE)
    reconciling.forget_old(transaction, before=now - MAX_AGE, finished_before=now - FINISHED_FOR)
    listed = reconciling.listed_projects(transaction).items()
    return frozenset(one for one, slug in listed if context.projects.hears_of_holds(*building.get(one, (slug, None))))


def _put_first(transaction: Transaction, now: datetime) -> None:
    """Have pipelines asked for of which other things tell than lists.

    First those of which a span tells and no webhook; every hour those that made a branch red that is so still: a rerun
    may have ended that.
    """
    if now.minute % RED_EVERY_MIN == 0:
        red = [replace(one, due_at=now) for one in second_looks.still_red(transaction)]
        second_looks.reopen(transaction, red, changed_at=now - ONE_HOUR, max_looks=second_looks.ANY)
    asked = reconciling.asked_for_spans(transaction)
    wanted = reconciling.listed_projects(transaction)
    found = spans.find_unexplained(
        transaction, received_before=now - SPAN_GRACE, received_after=now - SPANS_SINCE, limit=MAX_SPANS
    )
    first = {
        str(one.pipeline_id): PipelineToAsk(
            id=str(one.pipeline_id),
            project_id=one.project_id,
            slug=one.project_slug,
            created_at=one.started_at or one.ended_at,
            urgency=Urgency.SPAN,
            due_at=now,
        )
        for one in found
        if one.project_id in wanted and one.project_id and one.project_slug and str(one.pipeline_id) not in asked
    }
    reconciling.put_first(transaction, list(first.values()))


def _has_backlog(transaction: Transaction, now: datetime) -> bool:
    return deliveries.backlog(transaction, now).oldest_age_s > UNJUDGED_FOR_S


async def _list_new(missed: MissedWebhooks, every: timedelta) -> bool:
    """List the pipelines that were created since the last time; False: it is not time.

    At a CircleCI Server the projects of each organization are listed together.
    """
    store, now = missed.store, missed.clock()
    group_of, again = (_all_together, AGAIN) if missed.source.has_v3 else (organization_of, timedelta())
    begun = await store.write(reconciling.begin_scans, now=now, older_than=now - every, group_of=group_of, again=again)
    for scan in begun:
        try:
            await _list(missed, scan)
        except EndpointMissing as error:
            _go_on_without_v3(missed.source, error)
            await store.write(reconciling.drop_scans)
            return await _list_new(missed, every)
        except Temporary as error:
            log.info("the pipelines of projects could not be listed now", reason=str(error))
            break
    return bool(begun)


def _go_on_without_v3(source: CircleCI, error: EndpointMissing) -> None:
    """Remember that API v3 is missing; API v2 is asked until the next try."""
    log.warning("this CircleCI has no API v3, so API v2 is asked; v3 is tried again in a day", reason=str(error))
    source.v3.miss()


def _all_together(_slug: str) -> str:
    return ""


async def _list(missed: MissedWebhooks, scan: Scan) -> None:
    """Read a list to its end, or as far as the budget lasts."""
    while True:
        await missed.budget.take()
        try:
            page = await list_page(missed.source, scan)
        except EndpointMissing:
            raise
        except Permanent as error:
            is_tried_again = await missed.store.write(reconciling.give_up_scan, scan)
            log.warning(
                "the pipelines of projects could not be listed",
                projects=len(scan.projects),
                reason=str(error),
                is_tried_again=is_tried_again,
            )
            return
        await missed.store.write(_keep_page, scan, page, missed.clock())
        if page.cursor is None:
            return
        scan = replace(scan, cursor=page.cursor)


def _keep_page(transaction: Transaction, scan: Scan, page: PipelinePage, now: datetime) -> None:
    """Keep the pipelines of a page to be asked for, and the place to go on from."""
    numbered = [(one.project_id, one.number) for one in page.pipelines if one.number is not None]
    on_record = reconciling.colors_of(transaction, numbered)
    new = [one for one in page.pipelines if one.created_at >= (scan.new_since or scan.since)]
    reconciling.add(transaction, [_to_ask(one, is_whole=seems_whole(one, on_record), now=now) for one in new])
    _ask_again(transaction, page.pipelines, on_record, now)
    if page.cursor is not None:
        reconciling.go_on(transaction, scan, page.cursor)
    elif page.is_cut:
        reconciling.give_up_scan(transaction, scan)
    else:
        reconciling.end_scan(transaction, scan)


def _ask_again(
    transaction: Transaction,
    listed: Sequence[FoundPipeline],
    on_record: Mapping[tuple[str, int], Sequence[Color]],
    now: datetime,
) -> None:
    """Have pipelines asked for once more that are not what they were at the last look."""
    for one in listed:
        is_known = (one.project_id, one.number or 0) in on_record
        is_other = is_known and one.has_ended and one.outcome is not None and not seems_whole(one, on_record)
        if is_other or one.changed_at is not None:
            asked = replace(_to_ask(one, is_whole=False, now=now), due_at=now)
            second_looks.reopen(transaction, [asked], changed_at=one.changed_at or now - GRACE)


def _to_ask(found: FoundPipeline, *, is_whole: bool, now: datetime) -> PipelineToAsk:
    return PipelineToAsk(
        id=found.id,
        project_id=found.project_id,
        slug=found.slug,
        created_at=found.created_at,
        urgency=Urgency.CHECK if is_whole else Urgency.UNKNOWN,
        due_at=now + timedelta(minutes=2) if found.has_ended is False else max(now, found.created_at + GRACE),
    )


async def _ask_due(missed: MissedWebhooks, budget: StepBudget, *, calls: int) -> None:
    """Ask for the pipelines that are due, the most urgent first."""
    store, checks = missed.store, calls // CHECKS
    old = await store.read(second_looks.count_old_unfinished, before=missed.clock() - YOUNG)
    pause = pause_of_old(old, calls)
    urgent = [one for one in Urgency if one is not Urgency.CHECK]
    await _ask_each(
        missed, await store.read(reconciling.due, now=missed.clock(), urgency=urgent, limit=budget.left), pause
    )
    whole, share = [Urgency.CHECK], min(budget.left, checks)
    await _ask_each(missed, await store.read(reconciling.due, now=missed.clock(), urgency=whole, limit=share), pause)


async def _ask_each(missed: MissedWebhooks, pipelines: Sequence[PipelineToAsk], pause: timedelta) -> None:
    """Ask for pipelines, one by one.

    A few answers that cannot be read, as the page of a proxy, do not end the step.
    """
    failures = 0
    for pipeline in pipelines:
        failures += not await _ask(missed, pipeline, pause)
        if failures >= MAX_FAILURES:
            raise BudgetSpent


def pause_of_old(count: int, calls: int) -> timedelta:
    """Return the pause between two looks at an old pipeline that is unfinished. Pure.

    count   the number of these pipelines
    calls   of a minute
    """
    return min(max(LOOK_AGAIN, timedelta(minutes=OLD_PART * count / calls)), LATER)


async def _ask(missed: MissedWebhooks, pipeline: PipelineToAsk, pause: timedelta) -> bool:
    """Ask for a pipeline once; one that fails gives way to others.

    pause   before the next look at an old one

    Returns False if it failed by something that may concern each call.
    """
    store, now = missed.store, missed.clock()
    later = replace(pipeline, due_at=now + AFTER_FAILURE, looks=pipeline.looks + 1, looked_at=now)
    try:
        look = await missed.look(pipeline)
        await find_holds(missed, pipeline, look.workflows)
    except Permanent as error:
        log.info("a pipeline could not be asked for", pipeline=pipeline.id, reason=str(error))
        is_over = later.looks >= MAX_REFUSALS
        await store.write(reconciling.put_look, replace(later, due_at=None) if is_over else later)
        return True
    except Temporary as error:
        await store.write(reconciling.put_look, replace(later, looks=pipeline.looks))
        return isinstance(error, EndpointError)
    if look.found:
        log.warning(
            "webhooks that did not come were found", pipeline=pipeline.id, project=pipeline.slug, posts=look.found
        )
    await store.write(reconciling.put_look, after_look(pipeline, look, missed.clock(), of_old=pause))
    return True


def after_look(pipeline: PipelineToAsk, look: Look, now: datetime, *, of_old: timedelta = LATER) -> PipelineToAsk:
    """Return a pipeline with the time of its next look. Pure.

    of_old   the pause before that at an old one
    """
    age, looks = now - pipeline.created_at, pipeline.looks + 1
    pipeline = replace(pipeline, looked_at=now)
    if look.soon is not None:
        return replace(pipeline, urgency=Urgency.UNFINISHED, due_at=max(look.soon, now), looks=0)
    if look.is_finished or age > MAX_AGE:
        pause = RERUN_AFTER[looks - 1] if look.has_red and looks <= len(RERUN_AFTER) else None
        return replace(pipeline, urgency=Urgency.CHECK, due_at=now + pause if pause else None, looks=looks)
    pause = LOOK_AGAIN if age <= YOUNG else of_old
    return replace(pipeline, urgency=Urgency.UNFINISHED, due_at=now + pause, looks=0)
