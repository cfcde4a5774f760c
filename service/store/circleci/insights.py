"""Insights as rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, insert, select

from service.db.columns import is_any
from service.db.tables import Transaction, insights
from service.model import Insight, InsightKind, Question, slug_spellings
from service.store.rows import Row

FORGOTTEN_AFTER = timedelta(days=60)
MAX_READ = 500
_EACH = select(insights).where(is_any(insights.c.id, "ids"))


@dataclass(frozen=True, kw_only=True)
class BranchList:
    """The branches that CircleCI listed of a project; none if it has too many to list."""

    names: frozenset[str]
    asked_at: datetime


def id_of(question: Question) -> UUID:
    """Return the id of the answers to a question."""
    return uuid5(NAMESPACE_URL, "\n".join((question.kind, question.place, question.subject or "")))


def tried_since(transaction: Transaction, since: datetime) -> set[UUID]:
    """Return the ids of questions that were tried since a time."""
    return set(transaction.execute(select(insights.c.id).where(insights.c.tried_at > since)).scalars())


def put(transaction: Transaction, insight: Insight) -> None:
    """Keep an answer, and forget old ones.

    Of a failed try the facts of the last success stay.
    """
    question, found = insight.question, None
    here = insights.c.id == id_of(question)
    if insight.facts is None:
        found = transaction.execute(select(insights.c.asked_at, insights.c.facts).where(here)).mappings().first()
    transaction.execute(delete(insights).where(here))
    kept = {"asked_at": insight.asked_at, "facts": insight.facts} if found is None else dict(found)
    row = {"place": question.place, "kind": question.kind, "subject": question.subject, **kept}
    own = {"id": id_of(question), "tried_at": insight.tried_at, "reason": insight.reason}
    transaction.execute(insert(insights), [row | own])
    transaction.execute(delete(insights).where(insights.c.tried_at < insight.tried_at - FORGOTTEN_AFTER))


def find(transaction: Transaction, question: Question) -> Insight | None:
    """Return the last answer to a question."""
    row = transaction.execute(select(insights).where(insights.c.id == id_of(question))).mappings().first()
    return _to_insight(row) if row else None


def find_each(transaction: Transaction, questions: Collection[Question]) -> dict[Question, Insight]:
    """Return the last answers to those of these questions that have any."""
    found = transaction.execute(_EACH, {"ids": [id_of(one) for one in questions]}).mappings()
    return {insight.question: insight for insight in map(_to_insight, found)}


def find_branches(transaction: Transaction, slug: str) -> BranchList | None:
    """Return the branches that CircleCI listed last of a project; None: never."""
    found = find(transaction, Question(kind=InsightKind.BRANCHES, place=slug_spellings(slug)[0]))
    if found is None or found.asked_at is None or not found.facts:
        return None
    return BranchList(names=frozenset(found.facts["branches"]), asked_at=found.asked_at)


def find_all(transaction: Transaction, places: Collection[str], kind: InsightKind) -> Sequence[Insight]:
    """Return the answers of a kind that have facts, in the order of their places."""
    wanted = (
        select(insights)
        .where(insights.c.place.in_(places), insights.c.kind == kind, insights.c.asked_at.is_not(None))
        .order_by(insights.c.place, insights.c.subject)
        .limit(MAX_READ)
    )
    return [_to_insight(row) for row in transaction.execute(wanted).mappings()]


def find_kind(transaction: Transaction, kind: InsightKind, *, limit: int = MAX_READ) -> Sequence[Insight]:
    """Return the answers of a kind that have facts, in the order of their places."""
    wanted = select(insights).where(insights.c.kind == kind, insights.c.asked_at.is_not(None))
    found = transaction.execute(wanted.order_by(insights.c.place).limit(limit)).mappings()
    return [_to_insight(row) for row in found]


def _to_insight(row: Row) -> Insight:
    question = Question(kind=InsightKind(row["kind"]), place=row["place"], subject=row["subject"])
    named = {name: row[name] for name in ("tried_at", "asked_at", "facts", "reason")}
    return Insight(question=question, **named)
