"""Sum up a usage export by project, workflow and branch. Pure.

A run is a rerun if our rows say so; of one that they do not know, if its pipeline had an earlier run of the workflow.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from service.errors import Permanent
from service.model import UsageFigure, UsageRow
from service.store.circleci.usage import KnownRun

MAX_RUNS = 500_000
MAX_FIGURES = 20_000
OTHERS = "other branches"
FAILED = frozenset({"failed", "failure", "timedout", "infrastructure_fail", "error"})
EARLY = datetime.min.replace(tzinfo=UTC)


@dataclass(kw_only=True, slots=True)
class _Run:
    row: UsageRow
    started_at: datetime | None
    jobs: int = 0
    seconds: float = 0
    credits: float = 0
    failed: float = 0


class UsageTally:
    """The sums of an export; its rows come one by one."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str | None, ...], _Run] = {}

    def take(self, row: UsageRow) -> None:
        """Count a row. Raises Permanent if there are too many runs."""
        key = (row.workflow_id,) if row.workflow_id else (row.project_id, row.pipeline_id, row.workflow, row.branch)
        run = self._runs.get(key)
        if run is None:
            if len(self._runs) >= MAX_RUNS:
                raise Permanent(f"CircleCI's usage export tells of more than {MAX_RUNS:,} workflow runs")
            run = self._runs[key] = _Run(row=row, started_at=row.started_at)
        if row.started_at and (run.started_at is None or row.started_at < run.started_at):
            run.started_at = row.started_at
        run.jobs += 1
        run.seconds += row.seconds
        run.credits += row.credits
        if (row.status or "").lower() in FAILED:
            run.failed += row.credits

    @property
    def run_ids(self) -> Sequence[UUID]:
        """The ids of the runs."""
        return [found for run in self._runs.values() if (found := _run_id(run))]

    def figures(self, known: Mapping[UUID, KnownRun], slugs: Mapping[str, str]) -> Sequence[UsageFigure]:
        """Return the sums, the dearest first.

        slugs   of projects, by CircleCI's id
        """
        later, sums = self._later_runs(), dict[tuple[str | None, ...], UsageFigure]()
        for key, run in self._runs.items():
            row, ours = run.row, known.get(_run_id(run) or UUID(int=0))
            place = (row.project_id, row.project_name, row.workflow, row.branch)
            if place not in sums:
                sums[place] = UsageFigure(
                    project_id=row.project_id, project_name=row.project_name, workflow=row.workflow, branch=row.branch
                )
            figure = sums[place]
            figure.project_slug = (
                figure.project_slug or slugs.get(row.project_id or "") or (ours.slug if ours else None)
            )
            is_rerun = ours.is_rerun if ours else key in later
            _add(figure, run, is_known=ours is not None, is_rerun=is_rerun)
        return _merged(sorted(sums.values(), key=lambda one: -one.credits))

    def _later_runs(self) -> set[tuple[str | None, ...]]:
        """Return the runs that follow another of their workflow in their pipeline."""
        pipelines: dict[tuple[str | None, ...], list[tuple[datetime, tuple[str | None, ...]]]] = defaultdict(list)
        for key, run in self._runs.items():
            if run.row.pipeline_id and run.row.workflow_id:
                pipelines[run.row.pipeline_id, run.row.workflow].append((run.started_at or EARLY, key))
        return {key for found in pipelines.values() for _, key in sorted(found, key=str)[1:]}


def _run_id(run: _Run) -> UUID | None:
    try:
        return UUID(run.row.workflow_id) if run.row.workflow_id else None
    except ValueError:
        return None


def _add(figure: UsageFigure, run: _Run, *, is_known: bool, is_rerun: bool) -> None:
    figure.workflows += 1
    figure.known += is_known
    figure.jobs += run.jobs
    figure.seconds += run.seconds
    figure.credits += run.credits
    figure.failed += run.failed
    figure.reruns += run.credits if is_rerun else 0


def _merged(figures: Sequence[UsageFigure]) -> Sequence[UsageFigure]:
    """Return the dearest figures, and the others as one for each workflow."""
    others: dict[tuple[str | None, ...], UsageFigure] = {}
    for figure in figures[MAX_FIGURES:]:
        place = (figure.project_id, figure.project_name, figure.workflow)
        if place not in others:
            others[place] = UsageFigure(**{**vars(figure), "branch": OTHERS})
        else:
            add_up(others[place], figure)
    return [*figures[:MAX_FIGURES], *others.values()]


def add_up(into: UsageFigure, figure: UsageFigure) -> None:
    """Add the numbers of a figure to those of another."""
    for name in ("workflows", "known", "jobs", "seconds", "credits", "failed", "reruns"):
        setattr(into, name, getattr(into, name) + getattr(figure, name))


def grouped(figures: Sequence[UsageFigure], by: Sequence[str]) -> Sequence[UsageFigure]:
    """Return sums by names of a figure, such as ``workflow``; the dearest first."""
    sums: dict[tuple[object, ...], UsageFigure] = {}
    for figure in figures:
        key = (figure.project_id or figure.project_name, *(getattr(figure, name) for name in by))
        if key not in sums:
            kept = {name: getattr(figure, name) for name in by}
            sums[key] = UsageFigure(
                project_id=figure.project_id,
                project_name=figure.project_name,
                project_slug=figure.project_slug,
                **kept,
            )
        add_up(sums[key], figure)
        sums[key].project_slug = sums[key].project_slug or figure.project_slug
    return sorted(sums.values(), key=lambda one: (-one.credits, str(one.project_name)))
