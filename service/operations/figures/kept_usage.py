"""The usage of a month that is on record, for the page and the API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations.figures.usage_report import COLUMNS_OF, report_kept
from service.operations.json_shapes import Json
from service.store.circleci import usage
from service.store.runs import track_search

FILTERS = ("month", "group_by", "project")
MAX_ROWS = 500
MAX_CHARACTERS = 300
MONTH = re.compile(r"2[0-9]{3}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The usage that is asked for.

    month      as ``2026-10``; None: the newest that is kept
    group_by   what has a row of its own: project, workflow or branch
    project    a slug or a name; None: all
    """

    month: str | None = None
    group_by: str = "workflow"
    project: str | None = None


def to_wanted(asked: Mapping[str, str]) -> Wanted:
    """Return what the parameters of an address ask for. Raises BadRequest."""
    if unknown := next((name for name in asked if name not in FILTERS), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(FILTERS)}")
    month, project = asked.get("month"), asked.get("project")
    group_by = asked.get("group_by", "workflow")
    if month is not None and not MONTH.fullmatch(month):
        raise BadRequest(f"{month!a} is not a month; write it as 2026-10")
    if group_by not in COLUMNS_OF:
        raise BadRequest(f"{group_by!a} is not a grouping; there are {', '.join(COLUMNS_OF)}")
    if project is not None and len(project) > MAX_CHARACTERS:
        raise BadRequest(f"the project is longer than {MAX_CHARACTERS} characters")
    return Wanted(month=month, group_by=group_by, project=project)


def read_usage(transaction: Transaction, wanted: Wanted, now: datetime) -> Json:
    """Return the kept figures of a month, the dearest first.

    The shape: that of `roundsman usage --json`, with ``month``, ``group_by``, the ``months`` that are kept, and
    ``left_out``, the number of rows beyond MAX_ROWS, which ``total`` counts too.
    """
    months = usage.kept_months(transaction)
    month = wanted.month or next(iter(months), f"{now:%Y-%m}")
    slugs = track_search.spellings_of(transaction, wanted.project) if wanted.project else ()
    report = report_kept(transaction, usage.find_exports(transaction, month), by=wanted.group_by, slugs=slugs)
    items = sorted(report["items"], key=lambda one: -one["credits"])
    shown = {"items": items[:MAX_ROWS], "left_out": max(len(items) - MAX_ROWS, 0)}
    return {"month": month, "group_by": wanted.group_by, "months": months, **report, **shown}
