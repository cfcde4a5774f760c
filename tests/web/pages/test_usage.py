"""The page of usage and its endpoints: the credits that are on record, and what is said where there are none."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.model import ExportState, UsageExport, UsageFigure
from service.operations.figures.kept_usage import MAX_ROWS
from service.store.circleci import usage
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED_TO_WEB, Instance, an_instance
from tests.support.chromium import ALL_WIDTHS, Loop, Tab, a_context, chromium, told
from tests.support.longest_history import HOSTILE, UNBROKEN, WIDE
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
EXPORT = UsageExport(
    id="export-1",
    org_id="acme",
    month="2026-03",
    starts_at=MARCH,
    ends_at=MARCH.replace(day=9),
    state=ExportState.READ,
    asked_at=MARCH.replace(day=9),
    changed_at=MARCH.replace(day=9),
    read_at=MARCH.replace(day=9),
)
WEB = UsageFigure(project_name="web", project_slug="github/acme/web", workflow="build", branch="main")
FIGURES = [
    replace(WEB, workflows=7, known=5, jobs=21, credits=1_200.4, failed=300, reruns=100),
    replace(WEB, branch="next", workflows=2, credits=50),
    UsageFigure(project_name="api", workflow="nightly", branch="main", workflows=1, credits=2_000),
]


async def fill(instance: Instance, figures: list[UsageFigure] = FIGURES, export: UsageExport = EXPORT) -> None:
    store = instance.service.context.store
    assert await store.write(usage.claim_export, export, None)
    await store.write(usage.put_figures, export, figures)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as instance:
        yield instance


@pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])
async def test_page_twin_and_api_show_what_is_kept_the_dearest_first(instance: Instance) -> None:
    await fill(instance)

    page = text(await instance.http.get("/usage"))
    twin = (await instance.http.get("/usage.json", headers=BEARER)).json()
    answer = (await instance.http.get("/api/v1/usage", headers=BEARER)).json()

    assert twin == answer
    assert [(one["project"], one["workflow"], one["credits"]) for one in answer["items"]] == [
        ("api", "nightly", 2_000),
        ("gh/acme/web", "build", 1_250.4),
    ]
    assert (answer["month"], answer["months"], answer["left_out"]) == ("2026-03", ["2026-03"], 0)
    assert "Usage in 2026-03" in page
    assert "3,250 credits, 300 of them (9 %) for jobs that failed, 100 for reruns." in page
    assert "2026-03: CircleCI says so, up to 2026-03-09 00:00 UTC" in page
    assert "gh/acme/web build credits 1,250 for failed jobs 300 for reruns 100 runs 9" in page


async def test_rows_are_grouped_and_filtered_as_asked(instance: Instance) -> None:
    await fill(instance)

    async def rows(query: str) -> list[tuple[object, ...]]:
        items = (await instance.http.get(f"/usage.json?{query}", headers=BEARER)).json()["items"]
        return [(one["project"], one.get("workflow"), one.get("branch"), one["credits"]) for one in items]

    assert await rows("group_by=project") == [("api", None, None, 2_000), ("gh/acme/web", None, None, 1_250.4)]
    assert await rows("group_by=branch&project=gh/acme/web") == [
        ("gh/acme/web", "build", "main", 1_200.4),
        ("gh/acme/web", "build", "next", 50),
    ]
    assert await rows("month=2026-02") == []


@pytest.mark.parametrize(
    "query", ["month=03-2026", "group_by=person", "limit=3", "month=2026-03&month=2026-02", "project=" + "x" * 301]
)
async def test_what_means_nothing_is_said(instance: Instance, query: str) -> None:
    answers = [await instance.http.get(f"{path}?{query}", headers=BEARER) for path in ("/usage.json", "/api/v1/usage")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert (await instance.http.get(f"/usage?{query}")).status_code == 400


async def test_without_figures_the_next_step_is_said(instance: Instance) -> None:
    page = text(await instance.http.get("/usage"))

    assert "No usage of 2026-03 is on record" in page
    assert "roundsman usage --month 2026-03" in page


async def test_a_month_without_figures_names_those_that_are_kept(instance: Instance) -> None:
    await fill(instance)

    assert "There is that of 2026-03." in text(await instance.http.get("/usage?month=2026-01"))


async def test_long_list_is_cut_and_the_rest_counted(instance: Instance) -> None:
    await fill(instance, [replace(WEB, workflow=f"w-{number}", credits=1) for number in range(MAX_ROWS + 3)])

    found = (await instance.http.get("/api/v1/usage", headers=BEARER)).json()

    assert (len(found["items"]), found["left_out"], found["total"]["credits"]) == (MAX_ROWS, 3, MAX_ROWS + 3)


async def test_strangers_see_nothing(instance: Instance) -> None:
    async with instance.stranger() as stranger:
        answers = [await stranger.get(path) for path in ("/usage", "/usage.json", "/api/v1/usage")]

    assert [answer.status_code for answer in answers] == [303, 401, 401]


@pytest.fixture
def tab(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser at a service with the longest and most hostile names."""
    loop = Loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        folder = tmp_path_factory.mktemp("usage")
        shutil.copy(migrated, folder / "roundsman.db")
        instance = stack.enter_context(loop.within(an_instance(folder, RED_TO_WEB)))
        names = (HOSTILE, UNBROKEN, WIDE, "build")
        figures = [
            UsageFigure(project_name=name[:200], workflow=other[:200], branch=name[:200], workflows=9, credits=1e9)
            for name in names
            for other in names
        ]
        loop.run(fill(instance, figures))
        address = stack.enter_context(loop.within(serving(instance.service.asgi, listen("127.0.0.1", 0))))
        browser = stack.enter_context(chromium())
        shown = Tab.open(stack.enter_context(a_context(browser)), address)
        shown.log_in()
        yield shown


@pytest.mark.long
def test_page_fits_all_widths_and_axe_finds_nothing(tab: Tab) -> None:
    faults = {}
    for path in ("/usage?group_by=branch", "/usage?group_by=project", "/usage?month=2026-01"):
        tab.go(path)
        faults[f"{path} widths"] = [*tab.too_wide_at(ALL_WIDTHS), *tab.complaints]
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            for width in (1440, 390):
                tab.page.set_viewport_size({"width": width, "height": 900})
                faults[f"{path} {scheme} {width}"] = tab.faults()
        faults[f"{path} controls"] = tab.hard_to_use()
        tab.complaints.clear()

    assert not any(faults.values()), told(faults)
