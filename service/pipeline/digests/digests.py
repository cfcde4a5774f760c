"""Plan the digests of roundsman.yaml at their times.

One process looks once a minute. A digest whose time passed while no process ran is sent late, but not after hours.
"""

from datetime import datetime, timedelta

import structlog

from service.db.tables import Transaction
from service.message.digest import DigestFacts, digest_lines
from service.model import Digest, Event, News, Notification, Transition
from service.pipeline.context import Context
from service.pipeline.digests.digest_insights import insight_lines
from service.pipeline.digests.digest_tests import flaky_tests
from service.pipeline.digests.digest_times import durations_of, usual_times
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.news.own_news import OwnNews, plan_own
from service.routing.cron import time_before
from service.routing.match_keys import read_facts
from service.routing.silences import fit_all
from service.store.notifications import notifications
from service.store.reports import digest_rows

DIGEST_EVERY_S = 60.0
MAX_LATE = timedelta(hours=6)
EMPTY = "nothing was red, so that it was skipped"

log = structlog.get_logger()


async def plan_digests(context: Context) -> None:
    """Plan each digest whose time has come."""
    now = context.clock()
    for digest in context.digests:
        at = time_before(digest.cron, digest.timezone, now)
        if now - at > MAX_LATE or await context.store.read(_is_planned, digest, at):
            continue
        since = time_before(digest.cron, digest.timezone, at - timedelta(minutes=1))
        facts = await context.store.snapshot(collect, digest, since, at)
        await context.store.write(_plan, context, digest, facts, at=at)
        log.info("a digest was planned", digest=digest.name, runs=len(facts.runs))


def _plan(transaction: Transaction, context: Context, digest: Digest, facts: DigestFacts, *, at: datetime) -> None:
    enqueue_heads(transaction, context.jobs, plan_digest(transaction, context, digest, facts, at=at), context.clock())


def _topic(digest: Digest, at: datetime) -> str:
    return f"digest:{digest.name}:{at.isoformat()}"


def _is_planned(transaction: Transaction, digest: Digest, at: datetime) -> bool:
    return bool(notifications.of_topics(transaction, [_topic(digest, at)]))


def collect(
    transaction: Transaction,
    digest: Digest,
    since: datetime,
    until: datetime,
    *,
    limit: int = digest_rows.MAX_LOOKED_AT,
) -> DigestFacts:
    """Return the facts of a digest about a time, and the figures of the one before.

    At most ``limit`` red branches and failed tests are looked at; those left out are counted.
    """
    facts = DigestFacts()
    for runs in digest_rows.walk_runs(transaction, since, until):
        facts.runs += [event for event in runs if _fits(digest, event)]
    before: list[Event] = []
    for runs in digest_rows.walk_runs(transaction, since - (until - since), since):
        before += [event for event in runs if _fits(digest, event)]
    facts.count_before(before)
    facts.usual = usual_times(durations_of(facts.runs), durations_of(before))
    facts.insights = insight_lines(transaction, facts.runs)
    facts.is_partial = any(
        digest_rows.is_too_long(transaction, *time) for time in ((since, until), (since - (until - since), since))
    )
    facts.red_now = [one for one in digest_rows.red_now(transaction, limit=limit) if _fits(digest, one[0])]
    facts.reds_left_out = max(0, digest_rows.count_red(transaction) - limit)
    facts.tests_left_out = max(0, digest_rows.count_failed_tests(transaction, since, until) - limit)
    facts.closed = digest_rows.closed_by(transaction, facts.with_transition(Transition.FIXED))
    facts.flaky = flaky_tests(transaction, since, until, fits=lambda event: _fits(digest, event), limit=limit)
    return facts


def _fits(digest: Digest, event: Event) -> bool:
    return fit_all(digest.matchers, read_facts(event))


def plan_digest(
    transaction: Transaction, context: Context, digest: Digest, facts: DigestFacts, *, at: datetime
) -> list[Notification]:
    """Plan it for each channel; one that is skipped is on record, too."""
    own = OwnNews(
        news=News.DIGEST,
        topic=_topic(digest, at),
        receiver=digest.receiver,
        title=f"Digest {digest.name}: {len(facts.red_now)} red now",
        words="\n".join(digest_lines(facts, at, digest.timezone)),
        due_at=at,
    )
    planned = plan_own(transaction, context, own, context.receivers[digest.receiver].channels)
    if digest.skips_empty and facts.is_empty:
        notifications.drop(transaction, [one.id for one in planned], reason=EMPTY)
    return planned
