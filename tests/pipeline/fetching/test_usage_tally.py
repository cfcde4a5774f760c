"""Sums of a usage export: by place, with the reruns that our rows know, or that its times tell."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.errors import Permanent
from service.model import UsageFigure, UsageRow
from service.pipeline.fetching.usage_tally import MAX_FIGURES, MAX_RUNS, OTHERS, UsageTally, grouped
from service.store.circleci.usage import KnownRun
from tests.support.app_fixture import NINE

ROW = UsageRow(project_id="p", project_name="web", branch="main", pipeline_id="1", workflow="build", seconds=10)
KNOWN = UUID(int=5)


def tally(*rows: UsageRow) -> UsageTally:
    tally = UsageTally()
    for row in rows:
        tally.take(row)
    return tally


def row(workflow_id: str | None, spent: float, minutes: float | None = 0, **changes: Any) -> UsageRow:
    started_at = None if minutes is None else NINE + timedelta(minutes=minutes)
    return replace(ROW, workflow_id=workflow_id, credits=spent, started_at=started_at, **changes)


def test_later_runs_of_a_pipeline_are_reruns_unless_our_rows_know_better() -> None:
    found = tally(
        row("a", 1, 5),
        row("b", 1, 9),
        row("b", 1, 0),  # by its first job
        row("c", 4, 9, pipeline_id="2"),
        row("d", 8, None, pipeline_id="2"),
        row("e", 16, 9, pipeline_id="2", workflow="deploy"),
        row(str(KNOWN), 32, pipeline_id="3", status="FAILED"),
        row(str(UUID(int=6)), 64, 9, pipeline_id="3", status="success"),
        row(None, 128, 1),
    )
    known = {KNOWN: KnownRun(slug="gh/acme/web", is_rerun=True), UUID(int=6): KnownRun(slug=None, is_rerun=False)}

    build, deploy = found.figures(known, {})

    assert found.run_ids == [KNOWN, UUID(int=6)]
    assert build.reruns == 1 + 4 + 32
    assert (build.credits, build.failed, build.jobs, build.seconds) == (1 + 2 + 4 + 8 + 32 + 64 + 128, 32, 8, 80)
    assert (build.workflows, build.known, build.project_slug) == (7, 2, "gh/acme/web")
    assert (deploy.workflow, deploy.credits, deploy.reruns, deploy.project_slug) == ("deploy", 16, 0, None)


def test_slug_is_that_of_the_project_and_else_that_of_a_run() -> None:
    known = {KNOWN: KnownRun(slug="gh/acme/run", is_rerun=False)}
    rows = [row(str(KNOWN), 1)]

    assert [one.project_slug for one in tally(*rows).figures(known, {"p": "gh/acme/web"})] == ["gh/acme/web"]
    assert [one.project_slug for one in tally(*rows).figures(known, {"q": "gh/acme/web"})] == ["gh/acme/run"]
    assert [one.project_slug for one in tally(*rows).figures({}, {})] == [None]


@pytest.mark.parametrize("status", ["failed", "Failure", "TIMEDOUT", "infrastructure_fail", "error"])
def test_credits_of_jobs_that_failed_are_summed(status: str) -> None:
    [figure] = tally(row("a", 3, status=status), row("a", 4, status="success"), row("a", 5)).figures({}, {})

    assert (figure.failed, figure.credits) == (3, 12)


@pytest.mark.long
def test_figures_beyond_the_limit_are_one_for_each_workflow() -> None:
    dear = [row(f"{number}", 9, branch=f"{number}") for number in range(MAX_FIGURES)]
    cheap = [row("a", 5, branch="a"), row("b", 3, branch="b"), row("c", 1, branch="c", workflow="deploy")]
    found = tally(*cheap, *dear).figures({}, {})

    assert len(found) == MAX_FIGURES + 2
    assert [(one.branch, one.workflow, one.credits) for one in found[-2:]] == [
        (OTHERS, "build", 8),
        (OTHERS, "deploy", 1),
    ]


@pytest.mark.long
def test_export_of_too_many_runs_is_refused() -> None:
    full = tally(*(replace(ROW, workflow_id=f"{number}") for number in range(MAX_RUNS)))
    full.take(row("0", 1))

    with pytest.raises(Permanent, match="more than 500,000 workflow runs"):
        full.take(row("a", 1))


def test_groups_are_sums_by_project_and_name_the_dearest_first() -> None:
    first = UsageFigure(project_id="p", project_name="web", workflow="build", branch="a", credits=1, jobs=1)
    figures = [
        first,
        replace(first, branch="b", credits=2, project_slug="gh/acme/web"),
        replace(first, project_id=None, project_name="api", credits=7),
        replace(first, project_id=None, project_name="all", credits=7),
    ]

    found = grouped(figures, ["workflow"])

    assert [(one.project_name, one.credits, one.jobs, one.branch) for one in found] == [
        ("all", 7, 1, None),
        ("api", 7, 1, None),
        ("web", 3, 2, None),
    ]
    assert found[-1].project_slug == "gh/acme/web"
    assert len(grouped(figures, ["branch"])) == 4
