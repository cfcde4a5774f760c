"""Usage of organizations: have CircleCI write an export, read it, keep its sums.

Each step is on record before the next one begins, so that a process that ends in between is followed by another one.
An export is claimed before it is asked for: of two processes one asks, and after a crash no second one is made unseen.
CircleCI lists no exports and allows ten an hour for each organization. Addresses of files live as long as the call.
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
from service.pipeline.fetching.usage_tally import UsageTally
from service.store.circleci import usage

OLDEST = timedelta(days=366)
MARGIN = timedelta(hours=1)  # CircleCI's clock and ours differ, and a call takes time
REFRESH_AFTER = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=2)  # an export that did not end in this time is made anew
RETRY_AFTER = timedelta(hours=6)  # of one that failed
CLAIMED_FOR = timedelta(minutes=10)  # longer than CircleCI is waited for
CUT_OFF = "the answer to its creation was not seen, so CircleCI may be writing one whose id is not known"
MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


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
    now = asking.clock()
    claimed = UsageExport(
        id="",
        org_id=org_id,
        month=window.month,
        starts_at=window.start,
        ends_at=window.end,
        state=ExportState.CREATED,
        asked_at=now,
        changed_at=now,
        read_at=before.read_at if before else None,
    )
    if not await asking.store.write(usage.claim_export, claimed, before):
        return await asking.store.read(usage.find_export, org_id, window.month) or claimed
    try:
        export_id = await _ask_for_export(asking, claimed)
    except (Temporary, Permanent) as error:
        await _note(asking, claimed, ExportState.FAILED, remark=str(error))
        raise
    return await _note(asking, replace(claimed, id=export_id), ExportState.CREATED)


async def _ask_for_export(asking: Asking, wanted: UsageExport) -> str:
    """Return the id of the export that CircleCI makes. Raises Temporary or Permanent."""
    api = asking.source.admin_api.usage
    try:
        answer = await api.create_usage_export(wanted.org_id, wanted.starts_at, wanted.ends_at)
    except Temporary as error:
        note = "one may have been made, which counts among the ten that an organization may have in an hour"
        raise Temporary(
            f"{error}; no usage export is known, though {note}", retry_after_s=error.retry_after_s
        ) from error
    if not answer.usage_export_job_id:
        raise Permanent("CircleCI does not say the id of the usage export that it makes")
    return answer.usage_export_job_id


async def _continue(asking: Asking, export: UsageExport) -> UsageExport:
    """Ask for an export, and read its files if there are some."""
    if not export.id:  # another process asks for it now, or one ended in the midst
        is_old = asking.clock() - export.asked_at > CLAIMED_FOR
        return await _note(asking, export, ExportState.FAILED, remark=CUT_OFF) if is_old else export
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
