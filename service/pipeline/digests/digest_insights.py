"""The figures that CircleCI counts, in the words of a digest."""

from collections.abc import Iterable, Sequence

from service.db.tables import Transaction
from service.model import Event, InsightKind, slug_spellings
from service.model.same_names import marked_events
from service.store.circleci import insights


def insight_lines(transaction: Transaction, runs: Iterable[Event]) -> Sequence[str]:
    """Return a line for each workflow of the projects of some runs.

    Those that fail most come first.

    runs   newest first: their newest name is that of a project
    """
    newest_last = reversed(marked_events(runs))
    slugs = ((run.project.slug, run.project_name) for run in newest_last)
    names = {slug_spellings(slug)[0]: name or slug for slug, name in slugs if slug}
    found = [
        (one["share"] if one["share"] is not None else 1.0, names[insight.question.place], one)
        for insight in insights.find_all(transaction, names.keys(), InsightKind.SUMMARIES)
        for one in (insight.facts or {}).get("items", [])
        if one["runs"]
    ]
    return [
        f"{name} {one['name']}: {_percent(one['share'])} of {_runs(one['runs'])} in 30 days{_credits(one['credits'])}"
        for _, name, one in sorted(found, key=lambda each: (each[0], each[1], each[2]["name"]))
    ]


def _runs(number: int) -> str:
    return f"{number:,} run" if number == 1 else f"{number:,} runs"


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} % successful"


def _credits(number: int | None) -> str:
    return "" if number is None else f", {number:,} credits"
