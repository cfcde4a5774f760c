"""Usage exports and figures as rows, on both databases."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.model import ExportState, UsageExport, UsageFigure
from service.store.circleci import usage
from tests.support.app_fixture import NINE, RED, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

EXPORT = UsageExport(
    id="e1",
    org_id="acme",
    month="2026-03",
    starts_at=NINE - timedelta(days=2),
    ends_at=NINE,
    state=ExportState.READ,
    asked_at=NINE,
    changed_at=NINE,
    read_at=NINE,
    remark="it lacks a column",
)
FIGURES = [
    UsageFigure(project_name="web", project_slug="gh/acme/web", workflow="w", branch="main", workflows=2, credits=3.5),
    UsageFigure(project_name="web", project_slug="gh/acme/web", workflow="w", jobs=1, credits=10.25, reruns=1.5),
]


async def test_newer_figures_replace_those_of_their_month_and_old_months_are_forgotten(folder: Path) -> None:
    async with an_instance(folder) as instance:
        store = instance.service.context.store
        await store.write(usage.put_figures, replace(EXPORT, month="2024-12"), FIGURES)
        await store.write(usage.put_figures, EXPORT, FIGURES[:1])
        await store.write(usage.put_figures, EXPORT, FIGURES)

        assert await store.snapshot(usage.find_export, "acme", "2026-03") == EXPORT
        assert await store.snapshot(usage.find_figures, "acme", "2026-03") == FIGURES[::-1]
        assert await store.snapshot(usage.find_export, "acme", "2024-12") is None
        assert await store.snapshot(usage.find_figures, "acme", "2024-12") == []
        [spent] = await store.snapshot(usage.sum_by_project, "2026-03")
        assert (spent.project_slug, spent.credits) == ("gh/acme/web", 13.75)


async def test_runs_and_projects_are_known_by_circlecis_ids(folder: Path) -> None:
    async with an_instance(folder) as instance:
        await instance.finish(RED)
        await instance.drain()
        store = instance.service.context.store

        known = await store.snapshot(usage.known_runs, [UUID(RED.workflow_id), UUID(int=1)])
        slugs = await store.snapshot(usage.slugs_of_projects)

    [(_, run)] = known.items()
    assert (run.slug, run.is_rerun) == ("github/acme/web", False)
    assert slugs == {RED.project.id: "github/acme/web"}


async def test_of_two_claims_one_is_kept_and_what_became_of_another_export_is_not(folder: Path) -> None:
    async with an_instance(folder) as instance:
        store = instance.service.context.store
        claim, later = replace(EXPORT, id="", state=ExportState.CREATED), NINE + timedelta(days=1)
        firsts = [await store.write(usage.claim_export, claim, None) for _ in range(2)]
        named = await store.write(usage.put_export, EXPORT)
        next_one = replace(claim, changed_at=later)
        seconds = [await store.write(usage.claim_export, next_one, EXPORT) for _ in range(2)]
        await store.write(usage.put_export, replace(EXPORT, id="e2", changed_at=later))
        late = await store.write(usage.put_export, EXPORT)
        await store.write(usage.put_figures, EXPORT, FIGURES)

        assert (firsts, named, seconds, late) == ([True, False], True, [True, False], False)
        assert [one.id for one in await store.snapshot(usage.exports_of, "acme")] == ["e2"]
        assert await store.snapshot(usage.find_figures, "acme", "2026-03") == []
