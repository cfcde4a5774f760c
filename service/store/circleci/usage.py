"""Usage exports and their figures as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from service.db.tables import Transaction, runs, tracks, usage_exports, usage_figures
from service.model import ExportState, UsageExport, UsageFigure
from service.store.rows import Row, insert_new

KEPT_MONTHS = 14
MAX_IDS = 500  # in one statement


@dataclass(frozen=True, kw_only=True)
class KnownRun:
    """A run of a workflow as our rows know it."""

    slug: str | None
    is_rerun: bool


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The credits of a project in a month."""

    project_slug: str | None
    project_name: str | None
    credits: float


def find_export(transaction: Transaction, org_id: str, month: str) -> UsageExport | None:
    """Return the newest export of an organization and month."""
    wanted = select(usage_exports).where(usage_exports.c.org_id == org_id, usage_exports.c.month == month)
    row = transaction.execute(wanted).mappings().first()
    return _to_export(row) if row else None


def find_exports(transaction: Transaction, month: str) -> Sequence[UsageExport]:
    """Return the newest exports of a month."""
    wanted = select(usage_exports).where(usage_exports.c.month == month).order_by(usage_exports.c.org_id)
    return [_to_export(row) for row in transaction.execute(wanted).mappings()]


def exports_of(transaction: Transaction, org_id: str) -> Sequence[UsageExport]:
    """Return the newest export of each month of an organization, newest first."""
    wanted = select(usage_exports).where(usage_exports.c.org_id == org_id).order_by(usage_exports.c.asked_at.desc())
    return [_to_export(row) for row in transaction.execute(wanted).mappings()]


def claim_export(transaction: Transaction, export: UsageExport, before: UsageExport | None) -> bool:
    """Keep an export that is to be asked for; False if another process was quicker.

    before   the one of its month that is on record, as it was read
    """
    if before is None:
        return insert_new(transaction, usage_exports, vars(export))
    same = (getattr(usage_exports.c, name) == getattr(before, name) for name in ("org_id", "month", "id", "changed_at"))
    changed = update(usage_exports).where(*same).values(**vars(export)).returning(usage_exports.c.id)
    return transaction.execute(changed).first() is not None


def put_export(transaction: Transaction, export: UsageExport) -> bool:
    """Keep what became of an export; False if another one of its month was asked for."""
    month = (usage_exports.c.org_id == export.org_id, usage_exports.c.month == export.month)
    own = update(usage_exports).where(*month, usage_exports.c.id.in_(["", export.id])).values(**vars(export))
    changed = transaction.execute(own.returning(usage_exports.c.id)).first() is not None
    return changed or insert_new(transaction, usage_exports, vars(export))


def put_figures(transaction: Transaction, export: UsageExport, figures: Sequence[UsageFigure]) -> None:
    """Keep the figures of an export instead of earlier ones; forget very old ones.

    Nothing is kept if another export of the month was asked for.
    """
    if not put_export(transaction, export):
        return
    same = (usage_figures.c.org_id == export.org_id, usage_figures.c.month == export.month)
    transaction.execute(delete(usage_figures).where(*same))
    if figures:
        of_export = {"org_id": export.org_id, "month": export.month}
        transaction.execute(insert(usage_figures), [of_export | vars(one) for one in figures])
    year, month = divmod(int(export.changed_at.strftime("%Y")) * 12 + export.changed_at.month - 1 - KEPT_MONTHS, 12)
    for table in (usage_figures, usage_exports):
        transaction.execute(delete(table).where(table.c.month < f"{year:04}-{month + 1:02}"))


def kept_months(transaction: Transaction) -> Sequence[str]:
    """Return the months of which figures are kept, newest first."""
    wanted = select(usage_exports.c.month).where(usage_exports.c.read_at.is_not(None)).distinct()
    return list(transaction.execute(wanted.order_by(usage_exports.c.month.desc())).scalars())


def find_figures(transaction: Transaction, org_id: str, month: str) -> Sequence[UsageFigure]:
    """Return the figures of a month, the dearest first."""
    columns = [column for column in usage_figures.c if column.name not in {"id", "org_id", "month"}]
    wanted = (
        select(*columns)
        .where(usage_figures.c.month == month, usage_figures.c.org_id == org_id)
        .order_by(usage_figures.c.credits.desc(), usage_figures.c.id)
    )
    return [UsageFigure(**row) for row in transaction.execute(wanted).mappings()]


def sum_by_project(transaction: Transaction, month: str) -> Sequence[Spent]:
    """Return the credits of each project in a month."""
    by = (usage_figures.c.project_slug, usage_figures.c.project_name)
    wanted = select(*by, func.sum(usage_figures.c.credits).label("credits")).where(usage_figures.c.month == month)
    return [Spent(**row) for row in transaction.execute(wanted.group_by(*by)).mappings()]


def known_runs(transaction: Transaction, run_ids: Collection[UUID]) -> Mapping[UUID, KnownRun]:
    """Return those of these runs that our rows know."""
    found: dict[UUID, KnownRun] = {}
    wanted = select(runs.c.id, runs.c.number_in_pipeline, tracks.c.project_slug).join(
        tracks, tracks.c.id == runs.c.track_id
    )
    every = list(run_ids)
    for first in range(0, len(every), MAX_IDS):
        for row in transaction.execute(wanted.where(runs.c.id.in_(every[first : first + MAX_IDS]))):
            found[row.id] = KnownRun(slug=row.project_slug, is_rerun=row.number_in_pipeline > 1)
    return found


def slugs_of_projects(transaction: Transaction) -> Mapping[str, str]:
    """Return the slugs of projects by CircleCI's id of them."""
    wanted = select(tracks.c.project_id, func.max(tracks.c.project_slug).label("slug")).where(
        tracks.c.project_id.is_not(None), tracks.c.project_slug.is_not(None)
    )
    found = transaction.execute(wanted.group_by(tracks.c.project_id))
    return {row.project_id: row.slug for row in found}


def _to_export(row: Row) -> UsageExport:
    return UsageExport(**{**row, "state": ExportState(row["state"])})
