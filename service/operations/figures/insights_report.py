"""The figures that CircleCI counts beside our own, for the command and the API.

Each row has what ``circleci`` says and what ``ours`` is; a number of one never stands in the other. ``sources`` says
how each is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.db.tables import Transaction
from service.model import InsightKind, Question, Track, slug_spellings
from service.operations.builds import circleci_says
from service.operations.json_shapes import Json
from service.operations.overviews.branch_list import read_branches
from service.operations.overviews.month_figures import Month, MonthCache
from service.operations.queries import MAX_PAGE_SIZE
from service.operations.test_history.judged_tests import TestState
from service.operations.test_history.shown_tests import JudgedTests
from service.operations.test_history.tests import TestSearch, find_judged
from service.operations.unknown_projects import describe_unknown
from service.store.circleci import insights
from service.store.runs import default_tracks, track_search
from service.store.runs.project_tracks import ProjectKey
from service.store.search import names
from service.store.test_history.test_list import TestFilter

FILTERS = ("project", "workflow")
MAX_FLAKY = 200
SOURCES = {
    "circleci": "counted by CircleCI once a day (Insights), of default branches in 30 days; flaky tests of all "
    "branches in 14 days; no bill",
    "ours": "the runs on record here, of default branches in 30 days; flaky tests by their results in 90 days",
}
OF_THEIR_TESTS = ("class", "job", "times")
OF_OUR_TESTS = ("state", "rate", "flip_rate", "runs", "fails", "evidence")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The figures that are asked for: of a project or of all, of a workflow or of all."""

    project: str | None = None
    workflow: str | None = None


def read_insights(
    transaction: Transaction, wanted: Wanted, now: datetime, *, months: MonthCache, judged: JudgedTests
) -> Json:
    """Return the figures of both sources.

    The shape: ``workflows`` and ``flaky_tests`` have a row for each that one of them knows; ``projects`` says when
    CircleCI was asked, and which branches are gone; ``workflow`` is what CircleCI says of the wanted one of a project;
    ``unknown`` a sentence on a project without runs.

    judged   our tests, kept as they were judged
    """
    places = _places(transaction, wanted.project)
    month, tracks = months.read(transaction, now), _tracks(transaction, places)
    is_one = wanted.workflow is not None and len(places) == 1
    detail = circleci_says.of_workflow(transaction, places[0], wanted.workflow) if is_one else None
    rows = [row for place in places for row in _workflows(transaction, place, tracks.get(place, ()), month)]
    return {
        "sources": SOURCES,
        "unknown": _unknown(transaction, wanted, places),
        "projects": [_project(transaction, place) for place in places],
        "workflows": [row for row in rows if wanted.workflow in {None, row["workflow"]}],
        "workflow": detail,
        "flaky_tests": _flaky_tests(transaction, places, _our_flaky_tests(transaction, wanted, now, judged)),
    }


def _places(transaction: Transaction, project: str | None) -> list[str]:
    """Return the short slugs of the projects of a name, or of all."""
    if project is None:
        return [one.question.place for one in insights.find_kind(transaction, InsightKind.SUMMARIES)]
    return list(dict.fromkeys(slug_spellings(slug)[0] for slug in track_search.find_projects(transaction, project)))


def _unknown(transaction: Transaction, wanted: Wanted, places: Sequence[str]) -> str | None:
    if wanted.project is None or places:
        return None
    return describe_unknown("project", wanted.project, names.find_similar(transaction, "project", wanted.project))


def _tracks(transaction: Transaction, places: Sequence[str]) -> Mapping[str, Sequence[Track]]:
    """Return the tracks of the default branches of projects, by their short slug."""
    found: dict[str, list[Track]] = {place: [] for place in places}
    for one in default_tracks.find(transaction):
        slug = slug_spellings(one.track.project_slug)[0] if one.track.project_slug else None
        if slug in found and one.track.workflow:
            found[slug].append(one.track)
    return found


def _workflows(transaction: Transaction, place: str, tracks: Sequence[Track], month: Month) -> list[Json]:
    """Return a row for each workflow of a project, those with most runs first."""
    ids: dict[str, list[int]] = {}
    for track in tracks:
        ids.setdefault(str(track.workflow), []).append(track.id)
    theirs = {one["name"]: one for one in _facts(transaction, InsightKind.SUMMARIES, place).get("items", [])}
    rows = []
    for name in dict.fromkeys([*theirs, *ids]):
        said = {key: value for key, value in theirs[name].items() if key != "name"} if name in theirs else None
        ours = _ours(month, ids[name]) if name in ids else None
        rows.append({"project": place, "workflow": name, "circleci": said, "ours": ours})
    return rows


def _ours(month: Month, track_ids: Sequence[int]) -> Json:
    figures = month.figures(track_ids)
    median_ms = figures["median_ms"]
    return {
        "runs": figures["runs"],
        "green_share": figures["green_share"],
        "median_s": None if median_ms is None else round(median_ms / 1000, 1),
    }


def _project(transaction: Transaction, place: str) -> Json:
    said = circleci_says.of_project(transaction, place) or {}
    return {
        "project": place,
        "asked_at": said.get("asked_at"),
        "reason": said.get("reason"),
        "flaky": said.get("flaky"),
        "organization": said.get("organization"),
        "branches": read_branches(transaction, ProjectKey(slug=place, name=None)),
    }


def _flaky_tests(transaction: Transaction, places: Sequence[str], ours: Sequence[Json]) -> list[Json]:
    """Return the tests that one of the sources calls flaky, those of both first."""
    rows: dict[tuple[object, ...], Json] = {}
    for place in places:
        for one in _facts(transaction, InsightKind.FLAKY, place).get("tests", []):
            row = rows.setdefault((place, one["job"], one["test"]), _test_row(place, one["job"], one["test"]))
            row["circleci"] = {key: one[key] for key in OF_THEIR_TESTS}
    for test in ours:
        if test["project"] in places:
            key = (test["project"], test["job"], test["name"])
            row = rows.setdefault(key, _test_row(*key))
            row["ours"] = {name: test[name] for name in OF_OUR_TESTS}
    every = sorted(rows.values(), key=_order)
    return every[:MAX_FLAKY]


def _our_flaky_tests(transaction: Transaction, wanted: Wanted, now: datetime, judged: JudgedTests) -> list[Json]:
    search = TestSearch(wanted=TestFilter(project=wanted.project), state=TestState.FLAKY)
    found = find_judged(transaction, now, search, judged.judging, limit=MAX_PAGE_SIZE, cursor=None)
    return [one.listed for one in found.items]


def _test_row(place: object, job: object, test: object) -> Json:
    return {"project": place, "job": job, "test": test, "circleci": None, "ours": None}


def _order(row: Json) -> tuple[object, ...]:
    theirs, ours = row["circleci"], row["ours"]
    times = theirs["times"] if theirs else 0
    return (theirs is None or ours is None, -times, str(row["project"]), str(row["test"]), str(row["job"]))


def _facts(transaction: Transaction, kind: InsightKind, place: str) -> Mapping[str, Any]:
    found = insights.find(transaction, Question(kind=kind, place=place))
    return found.facts or {} if found else {}
