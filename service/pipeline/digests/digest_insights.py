"""The figures that CircleCI counts, in the words of a digest."""

from collections.abc import Iterable, Sequence

from service.db.tables import Transaction
from service.model import InsightKind, slug_spellings
from service.store.circleci import insights


def insight_lines(transaction: Transaction, slugs: Iterable[str]) -> Sequence[str]:
    """Return a line for each workflow of some projects, those that fail most first."""
    places = {slug_spellings(slug)[0] for slug in slugs}
    found = [
        (one["share"] if one["share"] is not None else 1.0, insight.question.place, one)
        for insight in insights.find_all(transaction, places, InsightKind.SUMMARIES)
        for one in (insight.facts or {}).get("items", [])
        if one["runs"]
    ]
    return [
        f"{place} {one['name']}: {_percent(one['share'])} of {one['runs']:,} runs in 30 days{_credits(one['credits'])}"
        for _, place, one in sorted(found, key=lambda each: (each[0], each[1], each[2]["name"]))
    ]


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} % successful"


def _credits(number: int | None) -> str:
    return "" if number is None else f", {number:,} credits"
