"""Tell the operators when the credits of a month reach a budget.

What counts is the usage that is kept, as it was fetched last: a month of which none is kept reaches no budget. Each is
told once in its month; in its first days, also that of the month before, whose last days are read then.
"""

from datetime import datetime, timedelta

import structlog

from service.db.tables import Transaction
from service.model import Budget, News, slug_spellings
from service.pipeline.context import Context
from service.pipeline.fetching.fetch_usage import LAST_MONTH_UNTIL
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.news.own_news import OwnNews, plan_own
from service.routing.patterns import compile_pattern
from service.store.circleci import usage
from service.store.circleci.usage import Spent
from service.store.notifications import notifications

EVERY_MIN = 10
TITLE = "Roundsman: a budget of credits is spent"

log = structlog.get_logger()


async def watch_budgets(context: Context) -> None:
    """Compare what is kept of this month with the budgets, once in ``EVERY_MIN``."""
    now = context.clock()
    if context.operators is None or not context.budgets or now.minute % EVERY_MIN != 0:
        return
    await context.store.write(_tell_all, context, now)


def _tell_all(transaction: Transaction, context: Context, now: datetime) -> None:
    months = [f"{now:%Y-%m}"]
    if now.day <= LAST_MONTH_UNTIL + 1:
        months.append(f"{now.replace(day=1) - timedelta(days=1):%Y-%m}")
    for month in months:
        _tell_spent(transaction, context, month, now)


def _tell_spent(transaction: Transaction, context: Context, month: str, now: datetime) -> None:
    receiver, projects = context.operators or "", usage.sum_by_project(transaction, month)
    for budget in context.budgets:
        spent = sum(one.credits for one in projects if _is_of(one, budget))
        topic = f"budget:{month}:{budget.project}"
        if spent < budget.credits or notifications.of_topics(transaction, [topic]):
            continue
        words = (
            f"{budget.project} has spent {spent:,.0f} credits in {month}, and its budget is {budget.credits:,}: "
            f"`roundsman usage --month {month}` says on what."
        )
        own = OwnNews(news=News.OPERATOR, topic=topic, receiver=receiver, title=TITLE, words=words, due_at=now)
        _plan(transaction, context, own)


def _plan(transaction: Transaction, context: Context, own: OwnNews) -> None:
    found = context.receivers.get(own.receiver)
    planned = plan_own(transaction, context, own, found.channels if found else ())
    enqueue_heads(transaction, context.jobs, planned, own.due_at)
    log.warning("a budget of credits is spent", reason=own.words, notifications=len(planned))


def _is_of(spent: Spent, budget: Budget) -> bool:
    """Return whether credits count for a budget.

    A project without a slug is known by its name.
    """
    slug, name = spent.project_slug, spent.project_name
    if slug is not None:
        fits = compile_pattern(budget.project)
        return any(map(fits, (*slug_spellings(slug), *([name] if name else ()))))
    return name is not None and compile_pattern(budget.project.rpartition("/")[2])(name)
