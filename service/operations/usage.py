"""Usage of organizations: have CircleCI write an export, read it, keep its sums.

Each step is on record before the next one begins, so that a process that ends in between is followed by another one.
CircleCI allows ten exports an hour for each organization. The addresses of files live as long as the call.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from service.circleci.api.request import EndpointNotFound
from service.circleci.api.usage import UsageExportAnswer
from service.circleci.circleci import CircleCI
from service.db.database import Store
from service.errors import BadConfig, Permanent, Temporary
from service.model import UNFINISHED, ExportState, UsageExport, UsageFigure
from service.operations.usage_tally import UsageTally
from service.store import usage

OLDEST = timedelta(days=366)
MARGIN = timedelta(hours=1)  # CircleCI's clock and ours differ, and a call takes time
REFRESH_AFTER = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=2)  # an export that did not end in this time is made anew
RETRY_AFTER = timedelta(hours=6)  # of one that failed, by a periodic step
MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
MAX_PROJECTS_ASKED = 3  # for the id of their organization


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a month of which there is usage; ``end_of_month`` ends all of it."""

    month: str
    start: datetime
    end: datetime
    end_of_month: datetime


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The things by which usage is asked for."""

    source: CircleCI
    store: Store
    clock: Callable[[], datetime]


def month_of(moment: datetime) -> str:
    """Return the month of a time, as ``2026-10``."""
    return f"{moment:%Y-%m}"


def window_of(month: str, now: datetime) -> Window:
    """Return the time to ask for: not the future, and not what CircleCI has forgotten.

    Raises BadConfig for a month of which nothing can be asked.
    """
    written = MONTH.fullmatch(month)
    if written is None:
        raise BadConfig(f"{month} is not a month; write it as 2026-10")
    start = datetime(int(written[1]), int(written[2]), 1, tzinfo=UTC)
    end_of_month = (start + timedelta(days=32)).replace(day=1) - timedelta(seconds=1)
    first, last = now - OLDEST + MARGIN, now - timedelta(minutes=1)
    if start > last:
        raise BadConfig(f"{month} has not begun; name a month that has")
    if end_of_month < first:
        raise BadConfig(f"CircleCI keeps usage for 366 days, so {month} is too old; the oldest is {month_of(first)}")
    begin = start if start >= first else first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return Window(
        month=month, start=begin, end=min(end_of_month, last).replace(microsecond=0), end_of_month=end_of_month
    )


async def org_ids(source: CircleCI, slugs: Sequence[str]) -> Sequence[str]:
    """Return the ids of the organizations of projects.

    Raises Temporary or Permanent if one is not known.
    """
    groups: dict[str, list[str]] = {}
    for slug in slugs:
        groups.setdefault(slug.rpartition("/")[0], []).append(slug)
    return list(dict.fromkeys([await _org_id(source, of_org) for of_org in groups.values()]))


async def _org_id(source: CircleCI, slugs: Sequence[str]) -> str:
    error: Permanent = Permanent(f"CircleCI does not say the organization of {slugs[0]}; name it by --org")
    for slug in slugs[:MAX_PROJECTS_ASKED]:
        try:
            if found := (await source.api.project(slug)).organization_id:
                return found
        except Permanent as failed:
            error = failed
    raise error


async def advance(asking: Asking, org_id: str, window: Window, *, anew: bool = False) -> UsageExport:
    """Take one step towards the usage of a month, and return the export as it is then.

    anew   also where it failed, or where the figures that are kept are fresh

    Raises Temporary or Permanent.
    """
    now = asking.clock()
    kept = await asking.store.read(usage.find_export, org_id, window.month)
    if kept is None or anew or _is_over(kept, window, now):
        return await _create(asking, org_id, window, kept)
    return await _continue(asking, kept) if kept.state in UNFINISHED else kept


def _is_over(kept: UsageExport, window: Window, now: datetime) -> bool:
    """Return whether an export does not count any more, so that another is due."""
    age = now - kept.asked_at
    if kept.state in UNFINISHED:
        return age > FORGOTTEN_AFTER
    if kept.state is ExportState.FAILED:
        return age > RETRY_AFTER
    is_whole = kept.asked_at > window.end_of_month + REFRESH_AFTER
    return not is_whole and age > REFRESH_AFTER


async def _create(asking: Asking, org_id: str, window: Window, before: UsageExport | None) -> UsageExport:
    try:
        answer = await asking.source.admin_api.usage.create_usage_export(org_id, window.start, window.end)
    except Temporary as error:
        note = "one may have been made, which counts among the ten that an organization may have in an hour"
        raise Temporary(
            f"{error}; no usage export is known, though {note}", retry_after_s=error.retry_after_s
        ) from error
    if answer.usage_export_job_id is None:
        raise Permanent("CircleCI does not say the id of the usage export that it makes")
    now = asking.clock()
    export = UsageExport(
        id=answer.usage_export_job_id,
        org_id=org_id,
        month=window.month,
        starts_at=window.start,
        ends_at=window.end,
        state=ExportState.CREATED,
        asked_at=now,
        changed_at=now,
        read_at=before.read_at if before else None,
    )
    await asking.store.write(usage.put_export, export)
    return export


async def _continue(asking: Asking, export: UsageExport) -> UsageExport:
    """Ask for an export, and read its files if there are some."""
    try:
        answer = await asking.source.admin_api.usage.usage_export(export.org_id, export.id)
    except EndpointNotFound as error:
        return await _note(asking, export, ExportState.FAILED, remark=str(error))
    if answer.state == ExportState.COMPLETED and answer.download_urls:
        return await _read(asking, export, answer)
    if answer.state == ExportState.COMPLETED:
        return await _keep(asking, replace(export, state=ExportState.EMPTY, remark="completed without files"), ())
    if answer.state == ExportState.FAILED:
        return await _note(asking, export, ExportState.FAILED, remark=answer.error_reason or "CircleCI gives no reason")
    return await _note(asking, export, ExportState.PROCESSING)


async def _read(asking: Asking, export: UsageExport, answer: UsageExportAnswer) -> UsageExport:
    """Read the files of an export, and keep the sums."""
    tally = UsageTally()
    remark = await asking.source.usage_files.read(answer.download_urls, tally.take)
    known = await asking.store.snapshot(usage.known_runs, tally.run_ids)
    slugs = await asking.store.snapshot(usage.slugs_of_projects)
    figures = tally.figures(known, slugs)
    state = ExportState.READ if figures else ExportState.EMPTY
    return await _keep(asking, replace(export, state=state, remark=remark), figures)


async def _keep(asking: Asking, export: UsageExport, figures: Sequence[UsageFigure]) -> UsageExport:
    now = asking.clock()
    kept = replace(export, changed_at=now, read_at=now)
    await asking.store.write_alone(usage.put_figures, kept, figures)
    return kept


async def _note(asking: Asking, export: UsageExport, state: ExportState, remark: str | None = None) -> UsageExport:
    changed = replace(export, state=state, changed_at=asking.clock(), remark=remark)
    await asking.store.write(usage.put_export, changed)
    return changed
