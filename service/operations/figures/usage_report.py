"""A report of the usage that is kept, with what it is worth."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from service.db.database import Store
from service.db.tables import Transaction
from service.model import ExportState, UsageExport, UsageFigure, slug_spellings
from service.operations.json_shapes import Json
from service.pipeline.fetching.usage_tally import grouped
from service.store.circleci import usage

COLUMNS_OF: Mapping[str, Sequence[str]] = {
    "project": ("project",),
    "workflow": ("project", "workflow"),
    "branch": ("project", "workflow", "branch"),
}


async def report_usage(store: Store, exports: Sequence[UsageExport], *, by: str, slugs: Sequence[str] = ()) -> Json:
    """Return the figures of exports, and sentences about them.

    by      project, workflow or branch
    slugs   those of the wanted projects; none: of all
    """
    return await store.snapshot(partial(report_kept, by=by, slugs=slugs), exports)


def report_kept(
    transaction: Transaction, exports: Sequence[UsageExport], *, by: str, slugs: Collection[str] = ()
) -> Json:
    """Return the report in a transaction."""
    wanted = {spelling for slug in slugs for spelling in slug_spellings(slug)}
    items: list[Json] = []
    for export in exports:
        found = usage.find_figures(transaction, export.org_id, export.month) if export.read_at else []
        own = [one for one in found if not wanted or _is_of(one, wanted)]
        items += [_json(export, one, COLUMNS_OF[by][1:]) for one in grouped(own, COLUMNS_OF[by][1:])]
    return {
        "items": items,
        "total": {name: round(sum(one[name] for one in items), 2) for name in TOTALS},
        "exports": [_export_json(export) for export in exports],
        "sentences": _sentences(exports, items),
    }


TOTALS = ("credits", "failed_credits", "rerun_credits", "runs", "known_runs", "jobs")


def _is_of(figure: UsageFigure, slugs: set[str]) -> bool:
    """Return whether a figure is of a project: by its slug, or else its name."""
    if figure.project_slug:
        return not slugs.isdisjoint((figure.project_slug, figure.project_slug.partition("/")[2]))
    return figure.project_name in {slug.rpartition("/")[2] for slug in slugs}


def _json(export: UsageExport, figure: UsageFigure, names: Sequence[str]) -> Json:
    return {
        "month": export.month,
        "project": _readable(figure),
        **{name: getattr(figure, name) for name in names},
        "credits": round(figure.credits, 2),
        "failed_credits": round(figure.failed, 2),
        "rerun_credits": round(figure.reruns, 2),
        "runs": figure.workflows,
        "known_runs": figure.known,
        "jobs": figure.jobs,
        "seconds": round(figure.seconds),
    }


def _readable(figure: UsageFigure) -> str | None:
    """Return the slug of a project; of one whose slug is made of ids, its name."""
    slug = slug_spellings(figure.project_slug)[0] if figure.project_slug else None
    is_of_ids = slug is not None and slug.startswith("circleci/")
    return (None if is_of_ids and figure.project_name else slug) or figure.project_name or figure.project_id


def _export_json(export: UsageExport) -> Json:
    """Return an export; the addresses of its files are kept nowhere."""
    return {
        "id": export.id,
        "org_id": export.org_id,
        "month": export.month,
        "start": export.starts_at.isoformat(),
        "end": export.ends_at.isoformat(),
        "state": export.state.value,
        "asked_at": export.asked_at.isoformat(),
        "read_at": export.read_at.isoformat() if export.read_at else None,
        "remark": export.remark,
    }


def _sentences(exports: Sequence[UsageExport], items: Sequence[Json]) -> list[str]:
    spent, failed, reruns, runs, known = (
        sum(one[name] for one in items) for name in ("credits", "failed_credits", "rerun_credits", "runs", "known_runs")
    )
    lines = []
    if items:
        share = f" ({100 * failed / spent:.0f} %)" if spent else ""
        lines.append(
            f"{spent:,.0f} credits, {failed:,.0f} of them{share} for jobs that failed, {reruns:,.0f} for reruns"
        )
        lines.append(f"{known:,} of {runs:,} runs are on record here")
    return [
        *lines,
        *(_origin(export) for export in exports if export.read_at and export.state is not ExportState.EMPTY),
    ]


def _origin(export: UsageExport) -> str:
    remark = f"; {export.remark}" if export.remark else ""
    until, read_at = (
        f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (export.ends_at, export.read_at or export.changed_at)
    )
    return f"{export.month}: CircleCI says so, up to {until}, read at {read_at}{remark}"
